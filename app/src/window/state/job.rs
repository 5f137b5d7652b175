//! A value that long work makes: not asked for, on its way, failed, there. What was there before stays until then.

use super::problem::Problem;
use fluoro_core::worker::RequestId;

/// Where work stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// What is being done.
    pub stage: String,
    /// Units done.
    pub done: usize,
    /// Units in all; zero when unknown.
    pub total: usize,
}

impl Step {
    /// Share done, 0 to 1; none when unknown.
    pub fn share(&self) -> Option<f32> {
        (self.total > 0).then(|| self.done as f32 / self.total as f32)
    }
}

/// A value and the work on its successor.
#[derive(Clone, Debug)]
pub struct Job<T> {
    /// The last finished value.
    pub value: Option<T>,
    /// The request in progress.
    pub working: Option<(RequestId, Step)>,
    /// Why the last request gave nothing.
    pub problem: Option<Problem>,
}

impl<T> Default for Job<T> {
    fn default() -> Self {
        Self { value: None, working: None, problem: None }
    }
}

impl<T> Job<T> {
    /// A request was sent.
    pub fn start(&mut self, id: RequestId) {
        self.working = Some((id, Step { stage: "waiting for the model".to_owned(), ..Step::default() }));
        self.problem = None;
    }

    /// Whether an answer with this number is the one waited for.
    pub fn awaits(&self, id: RequestId) -> bool {
        self.working.as_ref().is_some_and(|(own, _)| *own == id)
    }

    /// Work goes on; news of other requests is dropped.
    pub fn advance(&mut self, id: RequestId, step: Step) -> bool {
        match &mut self.working {
            Some((own, at)) if *own == id => {
                *at = step;
                true
            }
            _ => false,
        }
    }

    /// The value came; a stale one is dropped.
    pub fn finish(&mut self, id: RequestId, value: T) -> bool {
        let awaited = self.awaits(id);
        if awaited {
            (self.working, self.problem, self.value) = (None, None, Some(value));
        }
        awaited
    }

    /// It failed, or was cancelled (no problem).
    pub fn fail(&mut self, id: RequestId, problem: Option<Problem>) -> bool {
        let awaited = self.awaits(id);
        if awaited {
            self.working = None;
            self.problem = problem;
        }
        awaited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_answers_are_dropped_and_the_old_value_stays() {
        let mut job = Job::default();
        job.start(3);
        assert!(job.finish(3, "three") && !job.finish(3, "again"));
        job.start(5);
        assert!(!job.finish(4, "stale") && !job.fail(4, None) && !job.advance(4, Step::default()));
        assert_eq!(job.value, Some("three"));
        assert!(job.fail(5, None) && job.value == Some("three") && job.working.is_none());
    }
}
