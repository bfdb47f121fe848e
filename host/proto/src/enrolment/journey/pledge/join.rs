//! From a registrar to an accepted voucher (RFC 8995 sections 5.1 to 5.6).

use alloc::{boxed::Box, string::String, vec::Vec};

use super::{Imprint, Join, Phase, Pledge};
use crate::{
    discovery::Timestamp,
    enrolment::{
        PendingVoucher, ServerAuthentication,
        brski::{self, ContentKind, Expected, ToSign, Voucher, VoucherRequestError},
        est::{self, Class, Endpoint, HttpReply, HttpRequest, ReplyError, class},
        journey::{
            Action, JourneyError, Service, Step, Trust,
            collect::{Peer, judge},
            limits,
            profile::{Facts, Known, explicit},
        },
        quoted,
    },
    judgement::{Clock, Der, Digest, Presented, Purpose},
};

impl Pledge {
    /// Begins with nothing but what the configuration says.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.config.pending = None;
        match self.config.endpoint.clone() {
            Some(endpoint) => self.begin_at(endpoint, now),
            None => {
                let id = self.desk.id();
                let service = Service::Brski;
                self.desk.act(Action::Find { id, service }, now);
                self.phase = Phase::Finding { id };
            }
        }
    }

    /// What an earlier run asked for and was not decided, unless it is for another registrar.
    pub(super) fn resumable(&self, now: Timestamp) -> Option<(Box<Join>, u64)> {
        let pending = self.config.pending.clone()?;
        let configured = self.config.endpoint.as_ref();
        if configured.is_some_and(|endpoint| *endpoint != pending.endpoint) {
            return None;
        }
        // The clock that counts through suspend began anew with the system: only the wall's spans both runs.
        let before = now.unix.saturating_sub(pending.since);
        let since = Timestamp {
            unix: pending.since,
            ..now
        };
        let wait = pending.not_before.saturating_sub(now.unix);
        let join = Join {
            peer: Peer {
                // No connection of this run has this name: the first thing that is done is to connect.
                connection: u32::MAX,
                endpoint: pending.endpoint,
                server: None,
                presented: Presented {
                    certificates: pending.registrar,
                    ocsp_response: None,
                },
                binding: None,
            },
            nonce: pending.nonce,
            request: pending.request,
            since,
            before,
            redirects: 0,
            path: pending.path,
            id: 0,
            waited: true,
        };
        let wait = wait.min(limits::VOUCHER_WAIT_SECONDS);
        Some((Box::new(join), wait))
    }

    /// Waits, then sends the same voucher request again.
    pub(super) fn await_voucher(&mut self, (join, seconds): (Box<Join>, u64), now: Timestamp) {
        let reason = "the registrar has no voucher yet";
        self.desk.wait(seconds, reason, now);
        self.phase = Phase::Waiting(join);
    }

    /// A voucher request is of no use any more.
    pub(super) fn forget(&mut self) {
        if core::mem::take(&mut self.remembered) {
            self.desk.remember(None);
        }
    }

    /// Begins at another registrar.
    pub(super) fn begin_at(&mut self, endpoint: Endpoint, now: Timestamp) {
        self.redirected = 0;
        self.path = brski::REQUEST_VOUCHER.into();
        self.connect(endpoint, None, now);
    }

    pub(super) fn connect(&mut self, endpoint: Endpoint, again: Option<Box<Join>>, now: Timestamp) {
        let connection = self.desk.id();
        self.desk.tell(now, Step::Connecting(endpoint.clone()));
        let action = Action::Connect {
            connection,
            endpoint: endpoint.clone(),
            trust: Trust::Provisional,
            identity: Some(self.identity()),
        };
        self.desk.act(action, now);
        self.connection = Some(connection);
        self.phase = Phase::Connecting {
            connection,
            endpoint,
            again,
        };
    }

    pub(super) fn identity(&self) -> (String, Vec<Der>) {
        let mut chain = alloc::vec![self.config.device.certificate().clone()];
        chain.extend(self.config.device_chain.iter().cloned());
        (self.config.device_key.clone(), chain)
    }

    pub(super) fn connected(
        &mut self,
        peer: Peer,
        again: Option<Box<Join>>,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        let Some(certificate) = peer.presented.certificates.first() else {
            return Err(JourneyError::NoCertificate {
                endpoint: peer.endpoint,
            });
        };
        self.desk.tell(
            now,
            Step::Provisional {
                certificate: Digest::of(certificate),
            },
        );
        if let Some(mut join) = again {
            // The request names the registrar that was seen.
            if join.peer.presented.certificates != peer.presented.certificates {
                return Err(JourneyError::CertificatesChanged {
                    endpoint: peer.endpoint,
                });
            }
            join.peer = peer;
            self.ask(*join, now);
            return Ok(());
        }
        let id = self.desk.id();
        self.desk.act(
            Action::Random {
                id,
                octets: brski::limits::NONCE,
            },
            now,
        );
        self.phase = Phase::Drawing { id, peer };
        Ok(())
    }

    pub(super) fn sign(
        &mut self,
        peer: Peer,
        random: &[u8],
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        let Some(registrar) = peer.presented.certificates.first() else {
            return Err(JourneyError::NoCertificate {
                endpoint: peer.endpoint,
            });
        };
        let time = (self.config.profile.clock == Clock::Synchronized).then_some(now.unix);
        let request = brski::pledge_request(&self.config.device, registrar, random, time)?;
        let nonce = request.nonce.clone().unwrap_or_default();
        let (key, chain) = self.identity();
        let to_sign = ToSign::new(&request.to_json()?, ContentKind::JsonVoucher, &chain, time)
            .map_err(VoucherRequestError::from)?;
        let id = self.desk.id();
        let octets = to_sign.octets().into();
        self.desk.act(Action::Sign { id, key, octets }, now);
        self.phase = Phase::Signing {
            id,
            peer,
            nonce,
            to_sign: Box::new(to_sign),
        };
        Ok(())
    }

    /// Sends the voucher request, the first time or again: always the same one (RFC 8995 section 5.6).
    pub(super) fn ask(&mut self, mut join: Join, now: Timestamp) {
        join.id = self.desk.id();
        let body: Der = if self.config.base64 {
            est::encode(&join.request).into_bytes().into()
        } else {
            join.request.clone()
        };
        let action = Action::Exchange {
            id: join.id,
            connection: join.peer.connection,
            request: HttpRequest::post(
                join.path.clone(),
                brski::VOUCHER_CMS,
                brski::VOUCHER_CMS,
                body,
            ),
            authorized: false,
        };
        self.desk.act(action, now);
        self.phase = Phase::Requesting(Box::new(join));
    }

    /// What the registrar answered to the voucher request.
    pub(super) fn voucher(
        &mut self,
        mut join: Join,
        reply: &HttpReply,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        let endpoint = join.peer.endpoint.clone();
        let class = class(&endpoint, reply, now.unix).map_err(|reason| JourneyError::Reply {
            endpoint: endpoint.clone(),
            path: join.path.clone(),
            reason,
        })?;
        match class {
            Class::Success => self.imprint(join, reply, now),
            Class::Pending { seconds } => {
                let waited = now.boot.saturating_sub(join.since.boot) / 1_000;
                let waited = waited.saturating_add(join.before);
                if waited >= limits::VOUCHER_SECONDS {
                    return Err(JourneyError::PendingTooLong {
                        path: join.path,
                        seconds: waited,
                        limit: limits::VOUCHER_SECONDS,
                        reference: "RFC 8995 5.6",
                    });
                }
                let seconds = seconds.min(limits::VOUCHER_WAIT_SECONDS);
                join.waited = true;
                self.remembered = true;
                self.desk.remember(Some(Box::new(PendingVoucher::new(
                    endpoint,
                    join.path.clone(),
                    join.peer.presented.certificates.clone(),
                    (join.request.clone(), join.nonce.clone()),
                    (join.since.unix, now.unix.saturating_add(seconds)),
                ))));
                self.await_voucher((Box::new(join), seconds), now);
                Ok(())
            }
            Class::Redirect { endpoint: to, path } => {
                if to == endpoint {
                    let limit = est::limits::REDIRECTS;
                    if join.redirects >= limit {
                        return Err(JourneyError::Redirects { endpoint, limit });
                    }
                    join.redirects += 1;
                    join.path = path;
                    self.ask(join, now);
                    return Ok(());
                }
                let limit = limits::VOUCHER_REDIRECTS;
                if self.redirected >= limit {
                    return Err(JourneyError::OtherOrigin { from: endpoint, to });
                }
                // Another registrar: the request must name the one that is seen there, so it is made anew.
                self.redirected += 1;
                self.path = path;
                self.desk.close(join.peer.connection);
                self.connect(to, None, now);
                Ok(())
            }
            Class::Unauthorized { .. } | Class::Other => Err(JourneyError::NoVoucher {
                endpoint,
                status: reply.status,
            }),
        }
    }

    /// Checks the voucher and the registrar against its pin, then has the policies judge the registrar.
    pub(super) fn imprint(
        &mut self,
        join: Join,
        reply: &HttpReply,
        now: Timestamp,
    ) -> Result<(), JourneyError> {
        let presented = reply.media_type();
        let unusable = |reason| JourneyError::Reply {
            endpoint: join.peer.endpoint.clone(),
            path: join.path.clone(),
            reason,
        };
        if presented != brski::VOUCHER_CMS {
            return Err(unusable(ReplyError::ContentType {
                presented: quoted(&presented, 100),
                expected: brski::VOUCHER_CMS,
            }));
        }
        let algorithms = self.config.algorithms;
        let checked = (|| {
            // DER as the standard says, base64 as some registrars have it.
            let cms = est::decode(&reply.body, brski::limits::CMS_OCTETS);
            let cms = cms.map_err(|error| unusable(error.into()))?;
            let expected = Expected {
                device: &self.config.device,
                nonce: &join.nonce,
                nonceless: self.config.nonceless,
                now: now.unix,
                clock: &self.config.profile.clock,
                anchors: &self.config.manufacturer,
            };
            let accepted = brski::check_voucher(&cms, &expected, algorithms).map_err(Box::new)?;
            // Without a clock the voucher's date is a time that it certainly is by now.
            let time = match (&self.config.profile.clock, accepted.not_before) {
                (Clock::Synchronized, _) | (_, None) => now.unix,
                (_, Some(not_before)) => not_before.max(now.unix),
            };
            let pin = &accepted.voucher.pinned_domain_cert;
            let matched =
                brski::check_pin(pin, &join.peer.presented.certificates, time, algorithms)?;
            Ok((cms, accepted, matched))
        })();
        let (cms, accepted, matched) = match checked {
            Ok(checked) => checked,
            Err(error) => {
                self.report_voucher(&join.peer, false, now);
                return Err(error);
            }
        };
        self.config.pending = None;
        self.forget();
        self.desk.tell(
            now,
            Step::Voucher {
                assertion: accepted.voucher.assertion.as_str().into(),
                pin: matched.as_str().into(),
                waived: accepted.waived.iter().map(|w| w.as_str().into()).collect(),
            },
        );
        let anchors = explicit([accepted.voucher.pinned_domain_cert.clone()].into());
        let facts = Facts {
            known: &known(&accepted.voucher),
            domain: None,
            reference_ids: Vec::new(),
            server: join.peer.server.as_ref(),
            presented: join.peer.presented.clone(),
            anchors: &anchors,
            crls: &[],
        };
        let request = self
            .config
            .profile
            .request(Purpose::Registrar, facts, now.unix);
        let generation = self.config.profile.generation;
        let (id, request) = judge(request, generation, &mut self.desk, now)?;
        let imprint = Imprint {
            peer: join.peer,
            accepted: Box::new(accepted),
            voucher: cms.into(),
        };
        self.phase = Phase::Imprinting {
            id,
            request,
            imprint,
        };
        Ok(())
    }

    pub(super) fn report_voucher(&mut self, peer: &Peer, ok: bool, now: Timestamp) {
        let reason = (!ok).then_some("the voucher or the registrar was not accepted");
        self.desk
            .report(peer.connection, brski::VOUCHER_STATUS, (ok, reason), now);
    }
}

/// How a registrar is known that a voucher names.
pub(super) const fn known(voucher: &Voucher) -> Known {
    Known {
        authentication: ServerAuthentication::Voucher,
        revocation_checks: voucher.domain_cert_revocation_checks,
        reference_ids: Vec::new(),
    }
}
