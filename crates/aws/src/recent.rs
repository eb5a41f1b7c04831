//! Answers that a process had lately, so that nobody is asked more often than it helps, nor waited for.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::time::timeout;

use crate::error::AwsError;

/// As long is an answer good. The fastest checkers ask every 10 s (R20), and no alarm looks at its metric more often.
const GOOD_FOR: Duration = Duration::from_secs(5);
/// As long is left alone what could not be asked.
const ALONE_FOR: Duration = Duration::from_secs(1);
/// A decision does not wait longer: the answer is unknown then.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Answers by what was asked; the default answer says that it is unknown.
#[derive(Debug, Clone)]
pub(crate) struct Recent<K, V> {
    /// Of what, for the log.
    what: &'static str,
    /// How much faster than life a lab is, else 1.
    speed: f64,
    known: Arc<Mutex<BTreeMap<K, (Instant, V)>>>,
}

impl<K: Ord + Clone + fmt::Display, V: Copy + PartialEq + Default> Recent<K, V> {
    pub(crate) fn new(what: &'static str, speed: f64) -> Self {
        Self { what, speed, known: Arc::default() }
    }

    /// What it said lately, else what it says now; unknown when that can't be had in time.
    pub(crate) async fn or_ask(&self, key: &K, asked: impl Future<Output = Result<V, AwsError>>) -> V {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied();
        if let Some((_, answer)) = known.filter(|(at, answer)| at.elapsed() < self.good_for(*answer)) {
            return answer;
        }
        let what = self.what;
        let answer = match timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::warn!(what, %key, %error, "it can't be asked");
                V::default()
            }
            Err(_) => {
                tracing::warn!(what, %key, "it did not answer in time");
                V::default()
            }
        };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), (Instant::now(), answer));
        answer
    }

    fn good_for(&self, answer: V) -> Duration {
        let life = if answer == V::default() { ALONE_FOR } else { GOOD_FOR };
        life.div_f64(self.speed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_asked_for_once_and_what_never_answers_is_unknown() {
        let recent = Recent::<&str, Option<u8>>::new("number", 1.0);
        let says = |number| async move { Ok(Some(number)) };
        assert_eq!(recent.or_ask(&"a", says(1)).await, Some(1));
        assert_eq!(recent.or_ask(&"a", says(2)).await, Some(1));
        assert_eq!(recent.or_ask(&"b", says(2)).await, Some(2));
        let denied = AwsError::Refused { operation: "Ask", code: "No".to_owned(), message: String::new() };
        assert_eq!(recent.or_ask(&"c", async { Err(denied) }).await, None);
        assert_eq!(recent.or_ask(&"c", says(3)).await, None, "it is left alone for a while");
        assert_eq!(recent.or_ask(&"d", std::future::pending()).await, None);
    }
}
