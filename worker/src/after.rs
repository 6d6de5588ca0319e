//! Work after the response: `waitUntil` of the event that asks for it.
//!
//! The host lives as long as the isolate and serves many events at once, while a context belongs to one of them.
//! [`within`] makes an event's queue the current one while that event's future is polled and at no other time; the
//! isolate has one thread, so whoever calls [`After::run`] finds the queue of its own event.

use shared::ports::{After, Job};
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;

/// Takes a job for after the response: `waitUntil` of one event's context.
pub(crate) type Queue = Rc<dyn Fn(Job)>;

thread_local! {
    static CURRENT: RefCell<Option<Queue>> = const { RefCell::new(None) };
}

/// Drives `work` to its end as part of the event that `queue` belongs to.
pub(crate) async fn within<T>(queue: Queue, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        let before = CURRENT.replace(Some(Rc::clone(&queue)));
        let step = work.as_mut().poll(cx);
        CURRENT.set(before);
        step
    })
    .await
}

/// Queues jobs at the event that is being served.
pub(crate) struct WaitUntil;

impl After for WaitUntil {
    fn run(&self, job: Job) {
        match CURRENT.with_borrow(Clone::clone) {
            // A job may queue further jobs, so it runs within the same event.
            Some(queue) => {
                let own = worker::send::SendWrapper::new(Rc::clone(&queue));
                queue(Box::pin(worker::send::SendFuture::new(async move {
                    within(Rc::clone(&own), job).await;
                })));
            }
            None => tracing::error!("a job was queued outside of any event and is dropped"),
        }
    }
}
