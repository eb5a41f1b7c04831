//! The real function, ended at every AWS call of a failover and of a failback, one at a time, and started again.

use futures::future::join_all;
use lab::proxy::Point;

use crate::{
    life::{Ended, Life},
    python_is_there,
    world::World,
};

/// Lives side by side: each waits most of its time for the emulator.
const AT_ONCE: usize = 4;
/// A failover and a failback with all that they read and write take more calls than this.
const AT_LEAST: usize = 40;

#[tokio::test]
async fn ended_at_any_call_and_started_again_it_does_the_same_once() {
    if !python_is_there() {
        return;
    }
    let world = World::up(1).await;
    let undisturbed = world.live("undisturbed", None).await;
    assert_eq!(undisturbed.audit, ["1 taken", "1 applied", "1 verified", "2 taken", "2 applied", "2 verified"]);
    let met = end_each(&world, &undisturbed, None).await;
    assert!(met.len() >= 2 * AT_LEAST, "{} ends: {met:?}", met.len());
    // Calls side by side come in any order, so that counting all of them may miss one of two.
    for operation in ["PutObject", "ChangeResourceRecordSets", "Publish"] {
        let ends = end_each(&world, &undisturbed, Some(operation)).await;
        assert!(ends.len() >= 4, "{operation}: {ends:?}");
    }
}

/// Lives that are ended at the first such call, at the second and so on until there is none; where each was ended.
async fn end_each(world: &World, undisturbed: &Life, operation: Option<&'static str>) -> Vec<Ended> {
    let mut met = Vec::new();
    for first in (1..).step_by(AT_ONCE) {
        let lives = (first..first + AT_ONCE).flat_map(|call| {
            [Point::BeforeTheEffect, Point::BeforeTheReply].map(|point| async move {
                let name = format!("{point:?}-{call}-{}", operation.unwrap_or("any")).to_lowercase();
                let life = world.live(&name, Some((operation, call, point))).await;
                assert_eq!(life.end, undisturbed.end, "{name}: {life:#?}");
                assert_eq!(life.audit, undisturbed.audit, "{name}: {life:#?}");
                assert_eq!(life.not_told, Vec::<String>::new(), "{name}: {life:#?}");
                life.ended
            })
        });
        let ended: Vec<Option<Ended>> = join_all(lives).await;
        let over = ended.iter().any(Option::is_none);
        met.extend(ended.into_iter().flatten());
        if over {
            break;
        }
    }
    met
}
