//! Scrape jobs at work: one scraper a job, so that a reload touches only the jobs that changed.

use bellwether_ingest::{ScrapeJob, Scraper, ScraperOptions, TargetStatus};
use tokio::sync::Mutex;

/// All scrape jobs.
#[derive(Debug)]
pub struct Scraping {
    options: ScraperOptions,
    jobs: Mutex<Vec<RunningJob>>,
}

#[derive(Debug)]
struct RunningJob {
    job: ScrapeJob,
    scraper: Scraper,
}

impl Scraping {
    /// Nothing is scraped yet. `options.token` ends all jobs when the host stops.
    pub fn new(options: ScraperOptions) -> Self {
        Self { options, jobs: Mutex::default() }
    }

    /// Scrapes these jobs from now on. Jobs that are the same as before go on; the series of those that are gone or
    /// changed end.
    pub async fn set(&self, jobs: &[ScrapeJob]) -> anyhow::Result<()> {
        let mut running = self.jobs.lock().await;
        let mut former: Vec<RunningJob> = std::mem::take(&mut *running);
        let mut next = Vec::with_capacity(jobs.len());
        let mut changed = Vec::new();
        for job in jobs {
            match former.iter().position(|old| old.job == *job) {
                Some(at) => next.push(former.swap_remove(at)),
                None => changed.push(job),
            }
        }
        // The end of a series must be written before its next beginning.
        for gone in former {
            gone.scraper.retire().await;
        }
        for job in changed {
            let scraper = Scraper::start(std::slice::from_ref(job), &self.options)?;
            next.push(RunningJob { job: job.clone(), scraper });
        }
        next.sort_by_key(|running| jobs.iter().position(|job| *job == running.job));
        *running = next;
        Ok(())
    }

    /// How all targets are, in the order of the configuration.
    pub async fn targets(&self) -> Vec<TargetStatus> {
        self.jobs.lock().await.iter().flat_map(|running| running.scraper.targets()).collect()
    }

    /// Waits until all targets have ended after the token was cancelled.
    pub async fn stopped(&self) {
        for running in std::mem::take(&mut *self.jobs.lock().await) {
            running.scraper.stopped().await;
        }
    }
}
