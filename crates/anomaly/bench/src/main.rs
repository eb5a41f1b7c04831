//! How fast the forest is beside others, as lines of JSON: each pair is timed in turns, so that a busy machine slows both.
//!
//! `cargo xtask bench anomaly` runs it, with a Python that has scikit-learn as its argument.

#![allow(clippy::disallowed_methods, reason = "it measures time; the crate beside it does not")]

mod python;

use std::{
    env,
    error::Error,
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use anomaly::IsolationForest;
use extended_isolation_forest::{Forest, ForestOptions};
use linfa::{
    DatasetBase,
    traits::{Fit, Predict, PredictInplace},
};
use ndarray::{Array1, Array2, ArrayView2, Axis};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use python::Python;

const FEATURES: usize = 6;
/// How long a pair is timed, in turns of a run each.
const PAIR: Duration = Duration::from_secs(4);
const FEWEST_TURNS: usize = 5;

/// One run; how long it took.
type Run<'a> = Box<dyn FnMut() -> Result<Duration, Box<dyn Error>> + 'a>;

fn main() -> Result<(), Box<dyn Error>> {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global()?;
    if let Some(python) = env::args_os().nth(1) {
        scikit_learn(&mut Python::start(&python)?)?;
    }
    extended()?;
    rusty()?;
    Ok(())
}

fn rows(count: usize) -> Array2<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut unit = move || (f64::from(random.next_u32()) + 0.5) / 4_294_967_296.0;
    let normal = move || (-2.0 * unit().ln()).sqrt() * (std::f64::consts::TAU * unit()).cos();
    Array2::from_shape_simple_fn((count, FEATURES), normal)
}

/// The scores that others give too, without the out-of-range term.
fn fit(rows: &DatasetBase<Array2<f64>, Array1<()>>) -> IsolationForest<f64> {
    IsolationForest::params().range_weight(0.0).seed(1).fit(rows).expect("finite rows")
}

fn timed<T>(run: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(run());
    start.elapsed()
}

/// A run too short for the clock, as the mean of many.
fn timed_many<T>(times: u32, mut run: impl FnMut() -> T) -> Duration {
    timed(|| (0..times).for_each(|_| drop(black_box(run())))) / times
}

/// Times two in turns, and prints the best of each.
fn compare(what: &str, bound: Option<f64>, mut theirs: Run<'_>, mut ours: Run<'_>) -> Result<(), Box<dyn Error>> {
    let (mut best_theirs, mut best_ours) = (Duration::MAX, Duration::MAX);
    let start = Instant::now();
    let mut turns = 0;
    while turns < FEWEST_TURNS || start.elapsed() < PAIR {
        best_theirs = best_theirs.min(theirs()?);
        best_ours = best_ours.min(ours()?);
        turns += 1;
    }
    let pair = serde_json::json!({
        "what": what,
        "theirs_s": best_theirs.as_secs_f64(),
        "ours_s": best_ours.as_secs_f64(),
        "bound": bound,
    });
    println!("{pair}");
    Ok(())
}

fn fit_run(count: usize) -> Run<'static> {
    let rows = DatasetBase::from(rows(count));
    Box::new(move || Ok(timed(|| fit(&rows))))
}

fn row_run(forest: &IsolationForest<f64>) -> Run<'_> {
    let row = [0.1, -0.2, 0.3, -0.4, 0.5, -0.6];
    Box::new(move || Ok(timed_many(1000, || forest.score(black_box(&row)))))
}

fn batch_run(forest: &IsolationForest<f64>, count: usize) -> Run<'_> {
    let rows = rows(count);
    let mut scores = Array1::zeros(count);
    Box::new(move || Ok(timed(|| forest.predict_inplace(&rows, &mut scores))))
}

/// A half of the rows a thread.
fn two_threads_run(forest: &IsolationForest<f64>, count: usize) -> Run<'_> {
    let rows = rows(count);
    let half = |rows: ArrayView2<'_, f64>| drop(black_box(forest.predict(&rows)));
    Box::new(move || {
        Ok(timed(|| {
            let (first, second) = rows.view().split_at(Axis(0), count / 2);
            thread::scope(|scope| {
                scope.spawn(|| half(first));
                half(second);
            });
        }))
    })
}

fn scikit_learn(python: &mut Python) -> Result<(), Box<dyn Error>> {
    let forest = fit(&DatasetBase::from(rows(10_000)));
    for (count, bound) in [(256, Some(40.0)), (1000, None), (10_000, None), (100_000, None)] {
        let theirs = Box::new(|| python.time(&format!("fit {count}")));
        compare(&format!("scikit-learn: fit on {count}"), bound, theirs, fit_run(count))?;
    }
    compare("scikit-learn: scoring one row", Some(3000.0), Box::new(|| python.time("row")), row_run(&forest))?;
    let mut batch = |what: &str, count: usize, bound, ours| {
        compare(what, bound, Box::new(|| python.time(&format!("batch {count}"))), ours)
    };
    batch("scikit-learn: scoring 10000", 10_000, None, batch_run(&forest, 10_000))?;
    batch("scikit-learn: scoring 100000", 100_000, Some(2.0), batch_run(&forest, 100_000))?;
    batch("scikit-learn: scoring 100000, ours on two threads", 100_000, Some(3.5), two_threads_run(&forest, 100_000))
}

fn extended() -> Result<(), Box<dyn Error>> {
    let options = ForestOptions { n_trees: 100, sample_size: 256, max_tree_depth: None, extension_level: 0 };
    let arrays = |count| -> Vec<[f64; FEATURES]> {
        rows(count).outer_iter().map(|row| std::array::from_fn(|feature| row[feature])).collect()
    };
    let theirs = Forest::from_slice(&arrays(10_000), &options).map_err(|error| error.to_string())?;
    let forest = fit(&DatasetBase::from(rows(10_000)));
    for count in [256, 10_000, 100_000] {
        let rows = arrays(count);
        let run: Run<'_> = Box::new(|| Ok(timed(|| Forest::from_slice(&rows, &options).is_ok())));
        compare(&format!("extended-isolation-forest: fit on {count}"), Some(2.0), run, fit_run(count))?;
    }
    let row = [0.1, -0.2, 0.3, -0.4, 0.5, -0.6];
    let run: Run<'_> = Box::new(|| Ok(timed_many(1000, || theirs.score(black_box(&row)))));
    compare("extended-isolation-forest: scoring one row", Some(3.0), run, row_run(&forest))?;
    for count in [10_000, 100_000] {
        let rows = arrays(count);
        let run: Run<'_> = Box::new(|| Ok(timed(|| rows.iter().map(|row| theirs.score(row)).sum::<f64>())));
        let what = format!("extended-isolation-forest: scoring {count}");
        compare(&what, Some(3.0), run, batch_run(&forest, count))?;
    }
    Ok(())
}

fn rusty() -> Result<(), Box<dyn Error>> {
    use rustyml::machine_learning::ensemble::IsolationForest as Rusty;
    let rows_17 = |count| {
        let rows = rows(count);
        ndarray_17::Array2::from_shape_fn((count, FEATURES), |(row, column)| rows[[row, column]])
    };
    let fitted = |rows: &ndarray_17::Array2<f64>| -> Result<Rusty, Box<dyn Error>> {
        let mut forest = Rusty::new(100, 256)?.with_random_state(1);
        forest.fit(rows)?;
        Ok(forest)
    };
    let theirs = fitted(&rows_17(10_000))?;
    let forest = fit(&DatasetBase::from(rows(10_000)));
    for count in [256, 10_000] {
        let rows = rows_17(count);
        let run: Run<'_> = Box::new(|| Ok(timed(|| fitted(&rows).is_ok())));
        compare(&format!("rustyml: fit on {count}"), None, run, fit_run(count))?;
    }
    let row = [0.1, -0.2, 0.3, -0.4, 0.5, -0.6];
    let run: Run<'_> = Box::new(|| Ok(timed_many(1000, || theirs.score_sample(black_box(&row)).is_ok())));
    compare("rustyml: scoring one row", None, run, row_run(&forest))?;
    let rows = rows_17(10_000);
    let run: Run<'_> = Box::new(|| Ok(timed(|| theirs.score_samples(&rows).is_ok())));
    compare("rustyml: scoring 10000", None, run, batch_run(&forest, 10_000))
}
