//! The thread of a pool that starts its template and has it fork workers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use super::barrier::Isolation;
use super::limits::WorkerTimeouts;
use super::process::{Worker, fork};
use super::template_process::{Purpose, Template};
use crate::job::JobError;

type SpawnResult = Result<Worker, JobError>;

/// What the thread is asked for.
enum Order {
    /// A worker, now.
    Worker(Isolation, Purpose, mpsc::Sender<SpawnResult>),
    /// A worker that waits for the next order.
    Ahead(Isolation, Purpose),
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
            let mut starter = Starter { program, timeouts, devices, templates: Vec::new() };
            let mut spares: Vec<(Purpose, Worker)> = Vec::new();
            while let Ok(order) = orders.recv() {
                spares.retain(|(_, worker)| worker.is_alive());
                match order {
                    Order::Worker(isolation, purpose, reply) => {
                        let spare = spares.iter().position(|(of, _)| *of == purpose);
                        let spare = spare.map(|at| spares.swap_remove(at).1);
                        let _ = reply.send(spare.map_or_else(|| starter.worker(isolation, purpose), Ok));
                    }
                    Order::Ahead(_, purpose) if spares.iter().any(|(of, _)| *of == purpose) => {}
                    // A failure is found again, and reported, when a worker is needed.
                    Order::Ahead(isolation, purpose) => {
                        spares.extend(starter.worker(isolation, purpose).map(|worker| (purpose, worker)));
                    }
                }
            }
        });
        Spawner { orders: Mutex::new(sender) }
    }

    /// Asks for a worker, which arrives at the returned receiver.
    pub(super) fn request(&self, isolation: Isolation, purpose: Purpose) -> mpsc::Receiver<SpawnResult> {
        let (reply, worker) = mpsc::channel();
        self.order(Order::Worker(isolation, purpose, reply));
        worker
    }

    /// Has a worker forked ahead, unless one is waiting.
    pub(super) fn prepare(&self, isolation: Isolation, purpose: Purpose) {
        self.order(Order::Ahead(isolation, purpose));
    }

    fn order(&self, order: Order) {
        let _ = self.orders.lock().unwrap_or_else(PoisonError::into_inner).send(order);
    }
}

struct Starter {
    program: PathBuf,
    timeouts: WorkerTimeouts,
    devices: bool,
    /// One for each purpose that workers were needed for.
    templates: Vec<(Purpose, Arc<Template>)>,
}

impl Starter {
    fn worker(&mut self, isolation: Isolation, purpose: Purpose) -> SpawnResult {
        let template = self.template(isolation, purpose)?;
        match fork(&template) {
            // It died since the last worker, which is no fault of this one.
            Err(JobError::Unavailable(_)) if template.is_broken() => {
                fork(&self.template(isolation, purpose)?)
            }
            result => result,
        }
    }

    /// Returns the template for a purpose, and starts one if there is none or it died.
    fn template(&mut self, isolation: Isolation, purpose: Purpose) -> Result<Arc<Template>, JobError> {
        self.templates.retain(|(_, template)| !template.is_broken());
        if let Some((_, template)) = self.templates.iter().find(|(of, _)| *of == purpose) {
            return Ok(Arc::clone(template));
        }
        let program: &Path = &self.program;
        let template = Template::start(program, &self.timeouts, self.devices, isolation, purpose)?;
        let template = Arc::new(template);
        self.templates.push((purpose, Arc::clone(&template)));
        Ok(template)
    }
}
