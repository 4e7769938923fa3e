//! Prepares documents in the background: reads them, cuts them, embeds the passages some at a time, and lets them be found all at once. Each step is
//! written down, so that whoever goes on after a restart does not begin again. Every copy of the service has an indexer; they share the
//! organisations by leases.

mod step;

use std::{
    collections::{HashSet, VecDeque},
    panic::AssertUnwindSafe,
    time::Duration,
};

use futures::FutureExt as _;
use tokio::{sync::mpsc, task::JoinSet, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::{app::App, db::preparing, domain::ids::OrgId};

/// How often it looks for what nobody knocked for: what other copies left, and what waited for its time.
const LOOK: Duration = Duration::from_secs(2);

/// The indexer of this copy of the service. Ends when it is told to stop and what was under way is written down.
pub async fn run(app: App, stop: CancellationToken) {
    let workers = usize::from(app.embedding.settings.knowledge_workers);
    let Some(door) = app.embedding.door().filter(|_| workers > 0) else { return stop.cancelled().await };
    Indexer {
        app,
        stop,
        workers,
        queue: VecDeque::new(),
        busy: HashSet::new(),
        again: HashSet::new(),
        turns: JoinSet::new(),
    }
    .work(door)
    .await;
}

struct Indexer {
    app: App,
    stop: CancellationToken,
    workers: usize,
    /// Organisations in the order in which they came. Each takes one step, and waits again behind the others.
    queue: VecDeque<OrgId>,
    busy: HashSet<OrgId>,
    /// Somebody knocked while they were busy.
    again: HashSet<OrgId>,
    turns: JoinSet<(OrgId, bool)>,
}

impl Indexer {
    async fn work(mut self, mut door: mpsc::Receiver<OrgId>) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => break,
                Some(org) = door.recv() => self.queue(org),
                Some(ended) = self.turns.join_next() => {
                    if let Ok((org, more)) = ended {
                        self.busy.remove(&org);
                        if self.again.remove(&org) || more {
                            self.queue(org);
                        }
                    }
                }
                _ = look.tick() => self.look().await,
            }
            self.begin();
        }
        while self.turns.join_next().await.is_some() {}
    }

    fn queue(&mut self, org: OrgId) {
        if self.busy.contains(&org) {
            self.again.insert(org);
        } else if !self.queue.contains(&org) {
            self.queue.push_back(org);
        }
    }

    fn begin(&mut self) {
        while self.turns.len() < self.workers {
            let Some(org) = self.queue.pop_front() else { return };
            self.busy.insert(org);
            let app = self.app.clone();
            self.turns.spawn(async move {
                let taken = AssertUnwindSafe(step::take(&app, org)).catch_unwind().await;
                let more = match taken {
                    Ok(Ok(more)) => more,
                    Ok(Err(error)) => {
                        let cause: &dyn std::error::Error = &error;
                        tracing::warn!(cause, org.id = %org, "a document could not be prepared");
                        false
                    }
                    // It is found again by looking, when its lease has run out.
                    Err(_) => false,
                };
                (org, more)
            });
        }
    }

    async fn look(&mut self) {
        let model = self.app.embedding.current().map(|embedder| embedder.model());
        match preparing::organisations_with_work(&self.app.db, model).await {
            Ok(found) => found.into_iter().for_each(|org| self.queue(org)),
            Err(error) => {
                let cause: &dyn std::error::Error = &error;
                tracing::warn!(cause, "the indexer cannot see what is to be done");
            }
        }
    }
}
