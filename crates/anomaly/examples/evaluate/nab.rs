//! The Numenta Anomaly Benchmark's score, from its published definition (Lavin and Ahmad 2015), standard profile.
//!
//! The first detection in a window counts by how early it is, a window without one costs as much as a perfect one
//! earns; each detection outside costs by how far past the last window it is. 0 is no detection at all, 100 perfect.

/// The standard profile's weights.
const TRUE_POSITIVE: f64 = 1.0;
const FALSE_POSITIVE: f64 = 0.11;
const FALSE_NEGATIVE: f64 = 1.0;

/// A series with its labelled windows, and a detector's scores of it.
#[derive(Debug, Clone)]
pub(crate) struct Scored {
    /// A score a row.
    pub(crate) scores: Vec<f64>,
    /// First and last row of each window, in order.
    pub(crate) windows: Vec<(usize, usize)>,
}

/// What the best threshold gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    /// From 0 (no detection) to 100 (perfect); below 0 is worse than none.
    pub(crate) score: f64,
    pub(crate) threshold: f64,
    pub(crate) windows: usize,
    pub(crate) found: usize,
    pub(crate) false_positives: usize,
}

/// 1 well inside, 0 at the window's right edge, towards −1 behind it.
fn sigmoid(position: f64) -> f64 {
    if position > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * position).exp()) - 1.0 }
}

/// The rows at the beginning that are not scored.
pub(crate) fn probation(rows: usize) -> usize {
    (rows * 15 / 100).min(750)
}

/// What a detection at a row is worth.
#[derive(Debug, Clone, Copy)]
enum Worth {
    /// In this window of the series.
    Hit(usize, f64),
    False(f64),
}

fn worth(windows: &[(usize, usize)], row: usize) -> Worth {
    let after = windows.partition_point(|(first, _)| *first <= row);
    let Some(last) = after.checked_sub(1) else { return Worth::False(-FALSE_POSITIVE) };
    let (first, end) = windows[last];
    let width = (end - first + 1) as f64;
    if row <= end {
        let position = -((end - row + 1) as f64) / width;
        return Worth::Hit(last, TRUE_POSITIVE * sigmoid(position) / sigmoid(-1.0));
    }
    Worth::False(FALSE_POSITIVE * sigmoid((row - end) as f64 / (width - 1.0)))
}

/// The score at the threshold that is best over all series together: one for all of them.
pub(crate) fn best(series: &[Scored]) -> Outcome {
    let mut detections = Vec::new();
    let mut worths = Vec::new();
    for (at, series) in series.iter().enumerate() {
        let rows = series.scores.len();
        let mut first_scored = vec![None; series.windows.len()];
        for row in probation(rows)..rows {
            let worth = worth(&series.windows, row);
            if let Worth::Hit(window, _) = worth {
                first_scored[window].get_or_insert(-FALSE_NEGATIVE);
            }
            detections.push((series.scores[row], at, worth));
        }
        worths.push(first_scored);
    }
    let windows = worths.iter().flatten().flatten().count();
    let none = -FALSE_NEGATIVE * windows as f64;
    let perfect = TRUE_POSITIVE * windows as f64;
    detections.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
    let mut best = Outcome { score: 0.0, threshold: f64::INFINITY, windows, found: 0, false_positives: 0 };
    let (mut sum, mut found, mut false_positives) = (none, 0, 0);
    for (at, (score, series, worth)) in detections.iter().enumerate() {
        match *worth {
            Worth::False(value) => {
                sum += value;
                false_positives += 1;
            }
            Worth::Hit(window, value) => {
                let before = worths[*series][window].as_mut().expect("a window with a row that is scored");
                found += usize::from(*before == -FALSE_NEGATIVE);
                sum += (value - *before).max(0.0);
                *before = before.max(value);
            }
        }
        let whole = detections.get(at + 1).is_none_or(|(next, ..)| next.total_cmp(score).is_ne());
        let normal = 100.0 * (sum - none) / (perfect - none);
        if whole && normal > best.score {
            best = Outcome { score: normal, threshold: *score, windows, found, false_positives };
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(rows: usize, windows: &[(usize, usize)], detections: &[usize]) -> Scored {
        let mut scores = vec![0.0; rows];
        for row in detections {
            scores[*row] = 1.0;
        }
        Scored { scores, windows: windows.to_vec() }
    }

    fn score(series: &[Scored]) -> f64 {
        best(series).score
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-3, "{found}, not {expected}");
    }

    #[test]
    fn the_null_detector_has_0_and_the_perfect_one_100() {
        near(score(&[series(100, &[(40, 59)], &[])]), 0.0);
        near(score(&[series(100, &[(40, 59)], &[40])]), 100.0);
        near(score(&[series(100, &[(40, 59)], &[40]), series(100, &[(20, 29), (70, 79)], &[20, 70])]), 100.0);
    }

    /// A window of 20 rows: its middle, row 50, is at −10/20. 2/(1+e^−2.5)−1 = 0.848284; the first row's is 2/(1+e^−5)−1 =
    /// 0.986614; their quotient is 0.859793. A miss costs 1: (0.859793 + 1) / 2.
    #[test]
    fn a_detection_in_the_middle_by_hand() {
        near(score(&[series(100, &[(40, 59)], &[50])]), 92.990);
    }

    /// The last row is at −1/20: 2/(1+e^−0.25)−1 = 0.124353, over 0.986614 = 0.126040.
    #[test]
    fn a_detection_at_the_end_by_hand() {
        near(score(&[series(100, &[(40, 59)], &[59])]), 56.302);
    }

    /// Only the earliest of a window counts.
    #[test]
    fn more_detections_in_a_window_change_nothing() {
        near(score(&[series(100, &[(40, 59)], &[50, 55, 59])]), 92.990);
    }

    /// Before any window a false positive costs 0.11 whole: (1 − 0.11 + 1) / 2.
    #[test]
    fn a_false_positive_before_by_hand() {
        near(score(&[series(100, &[(40, 59)], &[30, 40])]), 94.5);
    }

    /// Row 62 is 3 past a window whose width less one is 19: 3/19, 2/(1+e^(15/19))−1 = −0.375344, times 0.11 = −0.041288.
    #[test]
    fn a_false_positive_just_behind_by_hand() {
        near(score(&[series(100, &[(40, 59)], &[40, 62])]), 97.936);
    }

    /// Row 300 is more than three widths behind: the whole 0.11.
    #[test]
    fn a_false_positive_far_behind_by_hand() {
        near(score(&[series(400, &[(100, 119)], &[100, 300])]), 94.5);
    }

    #[test]
    fn the_probation_is_not_scored() {
        assert_eq!([100, 4032, 5000, 20_000].map(probation), [15, 604, 750, 750]);
        // A false positive there costs nothing; a window wholly in it does not count.
        near(score(&[series(100, &[(2, 6), (40, 59)], &[3, 10, 40])]), 100.0);
    }

    #[test]
    fn one_threshold_serves_all_series() {
        let mut loud = series(100, &[(40, 59)], &[40]);
        loud.scores[30] = 0.6;
        let mut quiet = series(100, &[(40, 59)], &[]);
        quiet.scores[40] = 0.5;
        let outcome = best(&[loud, quiet]);
        // Both windows with the false positive is more than one window without: (2 − 0.11 + 2) / 4.
        near(outcome.score, 97.25);
        assert_eq!((outcome.found, outcome.false_positives), (2, 1));
    }
}
