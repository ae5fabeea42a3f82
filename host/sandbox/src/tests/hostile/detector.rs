//! What detectors do wrong, and how it ends.

use bellwether_model::detector::{Detector, DetectorError, Verdicts, WindowMatrix};

use super::*;

async fn evaluate(plugins: &Plugins, function: &str) -> Result<Verdicts, DetectorError> {
    let window = [WindowMatrix { offsets: vec![0, 1, 2], times: vec![0, 0], values: vec![1.0, 2.0] }];
    plugins.detectors()[0].evaluate(function, &[], NOW, &window).await
}

#[tokio::test(start_paused = true)]
async fn each_misdeed_ends_its_call_and_no_other() {
    let (plugins, _folder) = hostile(Arc::new(NoHttp), Limits::default()).await;
    for (function, words) in [
        ("hostile_spin", "ran 250 ms without finishing"),
        ("hostile_chatter", "ran 250 ms without finishing"),
        ("hostile_hoard", "limit 16 MiB"),
        ("hostile_recurse", "nested its calls too deeply"),
        ("hostile_crash", "deliberate crash of the hostile plugin"),
        ("hostile_flood", "limit 16 MiB"),
        ("hostile_short", "gave an impossible answer: 1 scores for 2 series"),
        ("hostile_long", "gave an impossible answer: 3 scores for 2 series"),
        ("hostile_uneven", "gave an impossible answer: 3 lower bounds for 2 series"),
    ] {
        let failure = evaluate(&plugins, function).await.unwrap_err();
        assert!(
            matches!(&failure, DetectorError::Crashed(text) if text.contains(words)),
            "{function}: {failure:?}"
        );
        assert_eq!(evaluate(&plugins, "hostile_fine").await.unwrap().score, [1.0, 1.0], "after {function}");
    }
    let again = evaluate(&plugins, "hostile_crash").await.unwrap_err();
    assert!(again.to_string().contains("paused"), "{again}");
}

#[tokio::test]
async fn complaints_are_cut_and_scores_may_be_none() {
    let (plugins, _folder) =
        hostile(Arc::new(NoHttp), Limits { detector: slow(), ..Limits::default() }).await;
    for function in ["hostile_grumble", "hostile_blame"] {
        let said = evaluate(&plugins, function).await.unwrap_err().to_string();
        assert!(said.contains("no no") && said.len() < 5 << 10, "{function}: {} bytes", said.len());
    }
    assert!(evaluate(&plugins, "hostile_nan").await.unwrap().score.iter().all(|score| score.is_nan()));
}

#[tokio::test]
async fn hundred_megabytes_are_not_taken_even_from_who_has_the_memory() {
    let limits = Limits { memory_bytes: 512 << 20, detector: returning_much(), ..Limits::default() };
    let (plugins, _folder) = hostile(Arc::new(NoHttp), limits).await;
    let failure = evaluate(&plugins, "hostile_flood").await.unwrap_err();
    assert!(failure.to_string().ends_with("returned more than 32 MiB"), "{failure}");
}

fn returning_much() -> crate::CallLimits {
    crate::CallLimits { returned_bytes: Limits::default().detector.returned_bytes, ..slow() }
}
