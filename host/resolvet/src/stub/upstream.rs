//! What the stub asks: an attachment that is begun again whenever it has failed.

use std::{sync::Arc, time::Duration};

use resolvet_proto::{
    discovery::dnr::NetworkOption,
    judgement::{AnchorSet, Conveyed, Der},
    session,
    stub::Word,
};
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
    time::sleep,
};

use crate::{
    AttachError, Attachment, Client,
    enrolment::{Enroller, Membership, NetworkName, Store, back_off, lists},
};

/// Orders that may wait.
const ORDERS: usize = 16;
/// The shortest and the longest wait before a failed attachment is begun again, seconds, whatever the failure asks for.
const WAITS: (u64, u64) = (1, 3_600);

/// What an attachment is made of.
#[derive(Clone)]
#[non_exhaustive]
pub enum Origin {
    /// What is configured.
    Configured(Box<session::Config>),
    /// An enrolment, and what it does not say.
    Enrolled {
        /// Who asks the network's EST server.
        enroller: Box<Enroller>,
        /// Where enrolments are.
        store: Store,
        /// Which one.
        network: NetworkName,
        /// Everything else.
        session: Box<session::Config>,
    },
}

/// What servers are judged by and what does not come from them: the parts of a session's configuration that may change while
/// a server is used. It is judged again by them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Trust anchors.
    pub anchors: Arc<AnchorSet>,
    /// What an enrolment conveyed.
    pub conveyed: Conveyed,
    /// Certificate revocation lists.
    pub crls: Vec<Der>,
}

impl Evidence {
    /// Those of a session's configuration.
    #[must_use]
    pub fn of(config: &session::Config) -> Self {
        Self {
            anchors: Arc::clone(&config.anchors),
            conveyed: config.conveyed.clone(),
            crls: config.crls.clone(),
        }
    }
}

/// What the stub asks at the moment.
#[derive(Clone, Default)]
pub struct Present {
    /// The attachment; absent before the first one.
    pub attachment: Option<Attachment>,
    /// The network whose enrolment it rests on.
    pub network: Option<NetworkName>,
    /// What went wrong the last time, in words; empty when nothing did.
    pub trouble: String,
    /// Counts attachments.
    number: u64,
}

impl Present {
    /// What answers rest on that come now.
    pub(super) fn word(&self) -> Word {
        Word {
            attachment: self.number,
            refusals: self.attachment.as_ref().map_or(0, Attachment::refusals),
        }
    }
}

enum Order {
    Replace(Box<Client>, Origin),
    Judge(Evidence),
    NetworkOptions(Vec<NetworkOption>),
}

/// An attachment that is kept: begun again after a failure, when policies are swapped meanwhile, and when it is told so.
/// Dropping it ends the attachment.
pub struct Upstream {
    present: watch::Receiver<Present>,
    orders: mpsc::Sender<Order>,
    task: AbortHandle,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    /// Begins, and goes on by itself. Must be called within a tokio runtime.
    #[must_use]
    pub fn begin(client: Client, origin: Origin) -> Self {
        let (sender, present) = watch::channel(Present::default());
        let (orders, queue) = mpsc::channel(ORDERS);
        let keeper = Keeper {
            client,
            origin,
            failures: 0,
            conveyed: None,
            present: sender,
            orders: queue,
        };
        let task = tokio::spawn(keeper.run()).abort_handle();
        Self {
            present,
            orders,
            task,
        }
    }

    /// What is asked now.
    #[must_use]
    pub fn present(&self) -> Present {
        self.present.borrow().clone()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Present> {
        self.present.clone()
    }

    /// Attaches by these instead. What is attached now goes on until the new one has begun; that of an enrolment, which takes its
    /// time, ends at once, and queries wait.
    ///
    /// # Errors
    /// It was ended.
    pub async fn replace(&self, client: Client, origin: Origin) -> Result<(), AttachError> {
        self.order(Order::Replace(client.into(), origin)).await
    }

    /// Has what is vetted judged again by other evidence, and begins again with it where nothing is.
    ///
    /// # Errors
    /// It was ended.
    pub async fn judge_by(&self, evidence: Evidence) -> Result<(), AttachError> {
        self.order(Order::Judge(evidence)).await
    }

    /// Says what DHCP and router advertisements say of encrypted resolvers now ([`Attachment::network_options`]), to what is attached
    /// and to whatever is attached later.
    ///
    /// # Errors
    /// It was ended.
    pub async fn network_options(&self, options: Vec<NetworkOption>) -> Result<(), AttachError> {
        self.order(Order::NetworkOptions(options)).await
    }

    async fn order(&self, order: Order) -> Result<(), AttachError> {
        self.orders
            .send(order)
            .await
            .map_err(|_| AttachError::Ended)
    }
}

/// What is held of an attachment.
enum Held {
    Attachment(Attachment),
    Membership(Membership),
}

struct Keeper {
    client: Client,
    origin: Origin,
    /// Failures in a row.
    failures: u32,
    /// The revocation lists that the enrolment conveyed by which something is attached.
    conveyed: Option<Vec<Der>>,
    present: watch::Sender<Present>,
    orders: mpsc::Receiver<Order>,
}

impl Keeper {
    async fn run(mut self) {
        loop {
            // From before anything is judged: what is refused by a set that is none any more is tried again at once.
            let mut generations = self.client.policies().watch();
            let begun = tokio::select! {
                begun = begin(&self.client, &self.origin, self.failures) => begun,
                order = self.orders.recv() => match order {
                    Some(order) => {
                        self.overtake(&order).await;
                        self.take(order);
                        continue;
                    }
                    None => return,
                },
            };
            let goes_on = match begun {
                Ok(held) => self.keep(held, generations).await,
                Err(trouble) => {
                    self.present
                        .send_modify(|present| present.trouble = trouble);
                    let wait = back_off(self.failures);
                    self.failures = self.failures.saturating_add(1);
                    self.rest(wait, &mut generations).await
                }
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Stays with what was begun until it must be begun again; false when nobody wants it any more.
    async fn keep(&mut self, held: Held, mut generations: watch::Receiver<u64>) -> bool {
        let mut attachment = match &held {
            Held::Attachment(attachment) => attachment.clone(),
            Held::Membership(membership) => membership.present().attachment,
        };
        // A membership's own sessions began with what the network said then.
        if matches!(held, Held::Membership(_)) && !self.tell_options(&attachment).await {
            return true;
        }
        self.show(&attachment, &held);
        let mut is_swapped = false;
        loop {
            let replaced = async {
                match &held {
                    Held::Membership(membership) => membership.replaced().await,
                    Held::Attachment(_) => std::future::pending().await,
                }
            };
            tokio::select! {
                wait = over(&attachment) => {
                    self.failures = self.failures.saturating_add(1);
                    let trouble = attachment.failure_now().map(|failure| failure.message);
                    self.present.send_modify(|present| present.trouble = trouble.unwrap_or_default());
                    return match held {
                        // It may have been refused just before.
                        _ if is_swapped => {
                            let wait = Duration::from_secs(WAITS.0);
                            self.rest(wait, &mut generations).await
                        }
                        Held::Attachment(_) => self.rest(wait, &mut generations).await,
                        Held::Membership(membership) => {
                            self.rest_in(membership, generations).await
                        }
                    };
                }
                replaced = replaced => match replaced {
                    Ok(present) => {
                        attachment = present.attachment;
                        if !self.tell_options(&attachment).await {
                            return true;
                        }
                        self.show(&attachment, &held);
                    }
                    Err(_) => return true,
                },
                Ok(()) = generations.changed() => {
                    self.failures = 0;
                    is_swapped = true;
                }
                order = self.orders.recv() => match order {
                    Some(Order::Judge(evidence)) if matches!(held, Held::Attachment(_)) => {
                        self.take(Order::Judge(evidence.clone()));
                        if attachment.judge_by(evidence).await.is_err() {
                            return true;
                        }
                    }
                    Some(order @ (Order::Judge(_) | Order::Replace(..))) => {
                        // What is configured begins at once; an enrolment takes its time, and may fail.
                        let is_slow = matches!(order, Order::Replace(_, Origin::Enrolled { .. }));
                        if is_slow || matches!(held, Held::Membership(_)) {
                            self.overtake(&order).await;
                        }
                        self.take(order);
                        return true;
                    }
                    Some(Order::NetworkOptions(options)) => {
                        self.session().network_options = options;
                        if !self.tell_options(&attachment).await {
                            return true;
                        }
                    }
                    None => return false,
                },
            }
        }
    }

    /// Tells an attachment what the network says now; what it knows already changes nothing. False when it has ended.
    async fn tell_options(&mut self, attachment: &Attachment) -> bool {
        let options = self.session().network_options.clone();
        attachment.network_options(options).await.is_ok()
    }

    /// Waits after a failure, unless something changes that may change the outcome.
    async fn rest(&mut self, wait: Duration, generations: &mut watch::Receiver<u64>) -> bool {
        tokio::select! {
            () = sleep(wait) => true,
            Ok(()) = generations.changed() => true,
            order = self.orders.recv() => match order {
                Some(order) => {
                    self.overtake(&order).await;
                    self.take(order);
                    true
                }
                None => false,
            },
        }
    }

    /// As [`Keeper::rest`], while a membership waits and tries by itself.
    async fn rest_in(
        &mut self,
        membership: Membership,
        mut generations: watch::Receiver<u64>,
    ) -> bool {
        let replaced = membership.replaced();
        tokio::select! {
            replaced = replaced => match replaced {
                Ok(_) => {}
                Err(_) => return true,
            },
            goes_on = self.rest(Duration::from_secs(WAITS.1), &mut generations) => return goes_on,
        }
        Box::pin(self.keep(Held::Membership(membership), generations)).await
    }

    /// What is attached still while something else is begun is judged by what the order brings, or else not used any more.
    async fn overtake(&mut self, order: &Order) {
        let attachment = self.present.borrow().attachment.clone();
        match (order, attachment, &self.conveyed) {
            (Order::Judge(evidence), Some(attachment), Some(conveyed)) => {
                let lists = lists(conveyed, &evidence.crls);
                // What has ended is not used any more anyway.
                let _told = attachment.judge_by_lists(lists).await;
            }
            (Order::Judge(_) | Order::Replace(..), _, _) => {
                self.conveyed = None;
                self.present.send_modify(|present| {
                    present.attachment = None;
                    present.number = present.number.wrapping_add(1);
                });
            }
            (Order::NetworkOptions(_), _, _) => {}
        }
    }

    fn take(&mut self, order: Order) {
        self.failures = 0;
        match order {
            Order::Replace(client, origin) => {
                self.client = *client;
                self.origin = origin;
            }
            Order::Judge(Evidence {
                anchors,
                conveyed,
                crls,
            }) => {
                let config = self.session();
                config.anchors = anchors;
                config.conveyed = conveyed;
                config.crls = crls;
            }
            Order::NetworkOptions(options) => self.session().network_options = options,
        }
    }

    /// What sessions begin with.
    fn session(&mut self) -> &mut session::Config {
        let (Origin::Configured(config)
        | Origin::Enrolled {
            session: config, ..
        }) = &mut self.origin;
        config
    }

    fn show(&mut self, attachment: &Attachment, held: &Held) {
        self.conveyed = match held {
            Held::Attachment(_) => None,
            Held::Membership(membership) => Some(membership.present().enrolment.crls.clone()),
        };
        let network = match &self.origin {
            Origin::Configured(_) => None,
            Origin::Enrolled { network, .. } => Some(network.clone()),
        };
        let trouble = match held {
            Held::Attachment(_) => String::new(),
            Held::Membership(membership) => membership.present().trouble,
        };
        self.present.send_modify(|present| {
            *present = Present {
                attachment: Some(attachment.clone()),
                network,
                trouble,
                number: present.number.wrapping_add(1),
            }
        });
    }
}

/// Begins; the error says in words what prevented it.
async fn begin(client: &Client, origin: &Origin, failures: u32) -> Result<Held, String> {
    match origin {
        Origin::Configured(config) => {
            let mut config = (**config).clone();
            config.previous_failures = failures;
            let attachment = client.attach(config).map_err(|error| error.to_string())?;
            Ok(Held::Attachment(attachment))
        }
        Origin::Enrolled {
            enroller,
            store,
            network,
            session,
        } => {
            let place = (store.clone(), network.clone());
            let session = (**session).clone();
            let beginning = Membership::begin((**enroller).clone(), client.clone(), place, session);
            let membership = beginning.await.map_err(|error| error.to_string())?;
            Ok(Held::Membership(membership))
        }
    }
}

/// Waits until an attachment has failed, and says how long to leave the network alone. A server that was vetted and is lost is
/// looked for at once.
async fn over(attachment: &Attachment) -> Duration {
    let was_vetted = attachment.vetted().await.is_ok();
    let seconds = match attachment.failed().await {
        AttachError::Failed(failure) if !was_vetted => failure.retry_after,
        _ => 0,
    };
    Duration::from_secs(seconds.clamp(WAITS.0, WAITS.1))
}
