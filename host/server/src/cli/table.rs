//! Columns of text, aligned as Go's `text/tabwriter` does for `amtool`: two blanks between them.
//!
//! A cell ends with a tab; what follows the last tab of a line is in no column. A column reaches over lines that follow
//! each other and have it, so that lines of different sorts do not widen one another.

/// Blanks between columns.
const PADDING: usize = 2;

/// Aligns lines of cells that end with tabs.
pub(crate) fn aligned(text: &str) -> String {
    let lines: Vec<Vec<&str>> = text.split('\n').map(|line| line.split('\t').collect()).collect();
    let widths = widths(&lines);
    let mut out = String::with_capacity(2 * text.len());
    for (at, (cells, widths)) in lines.iter().zip(&widths).enumerate() {
        if at > 0 {
            out.push('\n');
        }
        for (column, cell) in cells.iter().enumerate() {
            out.push_str(cell);
            let width = widths.get(column).map_or(0, |width| width.saturating_sub(cell.chars().count()));
            out.extend(std::iter::repeat_n(' ', width));
        }
    }
    out
}

/// The width of each column of each line.
fn widths(lines: &[Vec<&str>]) -> Vec<Vec<usize>> {
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|cells| vec![0; cells.len() - 1]).collect();
    let columns = widths.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..columns {
        let mut start = 0;
        while start < lines.len() {
            let has_column = |at: &usize| lines[*at].len() > column + 1;
            let end = (start..lines.len()).find(|at| !has_column(at)).unwrap_or(lines.len());
            let cells = lines[start..end].iter().map(|cells| cells[column].chars().count());
            let width = cells.max().unwrap_or(0) + PADDING;
            widths[start..end].iter_mut().for_each(|widths| widths[column] = width);
            start = end + 1;
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_that_ends_with_a_tab_is_padded() {
        assert_eq!(aligned("ID\tEnds\t\nabc\tx\t\n"), "ID   Ends  \nabc  x     \n");
        assert_eq!(aligned("a\t\tb\t\n"), "a    b  \n", "an empty column keeps its padding");
        assert_eq!(aligned("k:\tv\nlonger:\tw\n"), "k:       v\nlonger:  w\n");
        assert_eq!(aligned("é\tx\t\nab\ty\t\n"), "é   x  \nab  y  \n", "width is counted in characters");
    }

    #[test]
    fn a_line_without_the_column_begins_a_new_one() {
        assert_eq!(aligned("long name:\tv\n\nA\tB\n"), "long name:  v\n\nA  B\n");
        assert_eq!(aligned("a\tbb\tc\t\nd\te\nf\tg\th\t\n"), "a  bb  c  \nd  e\nf  g  h  \n");
    }
}
