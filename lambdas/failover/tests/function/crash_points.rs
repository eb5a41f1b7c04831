//! The real function, ended at every AWS call of a failover and of a failback, one at a time, and started again.

use futures::future::join_all;
use lab::proxy::Point;

use crate::{life::Ended, python_is_there, world::World};

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
    let mut met = Vec::new();
    for first in (1..).step_by(AT_ONCE) {
        let lives = (first..first + AT_ONCE).flat_map(|call| {
            [Point::BeforeTheEffect, Point::BeforeTheReply].map(|point| {
                let (world, undisturbed) = (&world, &undisturbed);
                async move {
                    let name = format!("{point:?}-{call}").to_lowercase();
                    let life = world.live(&name, Some((call, point))).await;
                    assert_eq!(life.end, undisturbed.end, "{name}: {life:#?}");
                    assert_eq!(life.audit, undisturbed.audit, "{name}: {life:#?}");
                    assert_eq!(life.not_told, Vec::<String>::new(), "{name}: {life:#?}");
                    life.ended
                }
            })
        });
        let ended: Vec<Option<Ended>> = join_all(lives).await;
        let over = ended.iter().any(Option::is_none);
        met.extend(ended.into_iter().flatten());
        if over {
            break;
        }
    }
    let told: Vec<_> = met.iter().map(ToString::to_string).collect();
    assert!(met.len() >= 2 * AT_LEAST, "{} ends: {told:?}", met.len());
    for operation in ["GetObject", "PutObject", "ChangeResourceRecordSets", "Publish"] {
        for point in [Point::BeforeTheEffect, Point::BeforeTheReply] {
            let times = met.iter().filter(|it| it.operation == operation && it.point == point).count();
            assert!(times >= 2, "{operation} met an end {point:?} only {times} times: {told:?}");
        }
    }
}
