//! The thread of a pool that starts its template and has it fork workers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use super::barrier::Isolation;
use super::limits::WorkerTimeouts;
use super::process::{Worker, fork};
use super::template_process::Template;
use crate::job::JobError;

type SpawnResult = Result<Worker, JobError>;

/// What the thread is asked for.
enum Order {
    /// A worker, now.
    Worker(Isolation, mpsc::Sender<SpawnResult>),
    /// A worker that waits for the next order.
    Ahead(Isolation),
}

/// The thread that starts processes. It lives as long as its pool, because the system kills the template when the
/// thread that started it exits.
pub(super) struct Spawner {
    orders: Mutex<mpsc::Sender<Order>>,
}

impl Spawner {
    pub(super) fn start(program: PathBuf, timeouts: WorkerTimeouts, devices: bool) -> Spawner {
        let (sender, orders) = mpsc::channel();
        std::thread::spawn(move || {
            let mut starter = Starter { program, timeouts, devices, template: None };
            let mut spares: Vec<Worker> = Vec::new();
            while let Ok(order) = orders.recv() {
                spares.retain(Worker::is_alive);
                match order {
                    Order::Worker(isolation, reply) => {
                        let _ = reply.send(spares.pop().map_or_else(|| starter.worker(isolation), Ok));
                    }
                    // A failure is found again, and reported, when a worker is needed.
                    Order::Ahead(isolation) if spares.is_empty() => {
                        spares.extend(starter.worker(isolation));
                    }
                    Order::Ahead(_) => {}
                }
            }
        });
        Spawner { orders: Mutex::new(sender) }
    }

    /// Asks for a worker, which arrives at the returned receiver.
    pub(super) fn request(&self, isolation: Isolation) -> mpsc::Receiver<SpawnResult> {
        let (reply, worker) = mpsc::channel();
        self.order(Order::Worker(isolation, reply));
        worker
    }

    /// Has a worker forked ahead, unless one is waiting.
    pub(super) fn prepare(&self, isolation: Isolation) {
        self.order(Order::Ahead(isolation));
    }

    fn order(&self, order: Order) {
        let _ = self.orders.lock().unwrap_or_else(PoisonError::into_inner).send(order);
    }
}

struct Starter {
    program: PathBuf,
    timeouts: WorkerTimeouts,
    devices: bool,
    template: Option<Arc<Template>>,
}

impl Starter {
    fn worker(&mut self, isolation: Isolation) -> SpawnResult {
        let template = self.template(isolation)?;
        match fork(&template) {
            // It died since the last worker, which is no fault of this one.
            Err(JobError::Unavailable(_)) if template.is_broken() => fork(&self.template(isolation)?),
            result => result,
        }
    }

    /// Returns the template, and starts one if there is none or it died.
    fn template(&mut self, isolation: Isolation) -> Result<Arc<Template>, JobError> {
        if let Some(template) = self.template.take().filter(|template| !template.is_broken()) {
            return Ok(Arc::clone(self.template.insert(template)));
        }
        let program: &Path = &self.program;
        let template = Template::start(program, &self.timeouts, self.devices, isolation)?;
        Ok(Arc::clone(self.template.insert(Arc::new(template))))
    }
}
