//! The model, checked: whole, and with each fence left out.

use stateright::{Checker, HasDiscoveries, Model};

use super::{Bounds, Broken, Switching};

/// What goes wrong once; Route 53 or the observers turn twice, time passes twice, a person orders once.
const TWO: Bounds = Bounds { executors: 2, faults: 1, turns: 2, steps: 2, orders: 1, epochs: 2 };
const ONE: Bounds = Bounds { executors: 1, faults: 3, turns: 3, steps: 3, orders: 1, epochs: 4 };
/// For `POINTSMAN_MODEL=deep`: hours rather than a minute.
const DEEP: Bounds = Bounds { executors: 2, faults: 2, turns: 3, steps: 3, orders: 1, epochs: 3 };

/// Looks at every state; how many there are, and how many steps the furthest is away.
#[allow(clippy::print_stdout, reason = "a test's output, read with --nocapture")]
fn exhaust(bounds: Bounds) -> (usize, usize) {
    let checker = Switching::new(Broken::Nothing, bounds).checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    assert!(checker.is_done());
    let seen = (checker.unique_state_count(), checker.max_depth());
    println!("{bounds:?}: {} states, {} steps deep", seen.0, seen.1);
    seen
}

/// So many states and steps, so that a model that does nothing does not pass.
#[test]
fn every_order_of_events_of_two_executors_keeps_the_promises() {
    let deep = std::env::var_os("POINTSMAN_MODEL").is_some_and(|depth| depth == "deep");
    let (states, depth) = exhaust(if deep { DEEP } else { TWO });
    assert!(states > 10_000 && depth > 20, "{states} states, {depth} steps deep");
}

#[test]
fn every_order_of_events_of_one_executor_keeps_the_promises() {
    let (states, depth) = exhaust(ONE);
    assert!(states > 10_000 && depth > 20, "{states} states, {depth} steps deep");
}

/// Stops at the first counter-example.
fn counter_example(broken: Broken, bounds: Bounds) -> Option<&'static str> {
    let found = Switching::new(broken, bounds).checker().threads(2).finish_when(HasDiscoveries::AnyFailures);
    let found = found.spawn_bfs().join().discoveries();
    let promise = |name: &&&str| !["a failover, and a failback", "Route 53's own move is made final"].contains(name);
    found.keys().find(promise).copied()
}

#[test]
fn without_the_conditional_write_a_counter_example_is_found() {
    assert!(counter_example(Broken::ConditionalWrite, TWO).is_some());
}

#[test]
fn without_the_epoch_in_the_batch_a_counter_example_is_found() {
    assert!(counter_example(Broken::Epoch, TWO).is_some());
}

#[test]
fn without_reading_the_fence_a_counter_example_is_found() {
    assert!(counter_example(Broken::FenceIsRead, ONE).is_some());
}
