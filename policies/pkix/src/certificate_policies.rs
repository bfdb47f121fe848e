//! Certificate policies (RFC 5280 section 6.1) as a graph of bounded size (RFC 9618).
//!
//! The tree of RFC 5280 grows exponentially with hostile mappings; RFC 9618 keeps each policy once at each depth, with
//! links to its parents, and decides the same.

use crate::{
    certificate::{Certificate, Extension, oid},
    der::{self, Malformed, Reader, Result, tag},
    name,
    settings::Settings,
};

/// Most policies in the graph of one path. Real certificates carry one to five.
const NODES: usize = 512;

/// The qualifiers that a critical extension may have: CPS pointer and user notice (RFC 5280 section 4.2.1.4). Both are for
/// people, so there is nothing to process.
const QUALIFIERS: [&[u8]; 2] = [&[0x2b, 6, 1, 5, 5, 7, 2, 1], &[0x2b, 6, 1, 5, 5, 7, 2, 2]];

/// Why the policies of a path are not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An extension cannot be read, or maps from or to anyPolicy.
    Malformed,
    /// Critical policies have a qualifier that is not processed.
    Qualifier,
    /// No policy holds along the path though one must.
    None,
    /// More than [`NODES`].
    TooMany,
}

impl From<Malformed> for Fault {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

#[derive(Debug)]
struct Node<'a> {
    policy: &'a [u8],
    expected: Vec<&'a [u8]>,
    /// Positions one depth above.
    parents: Vec<usize>,
}

#[derive(Debug)]
struct Graph<'a> {
    depths: Vec<Vec<Node<'a>>>,
    nodes: usize,
}

impl<'a> Graph<'a> {
    fn last(&self) -> &[Node<'a>] {
        self.depths.last().map_or(&[], Vec::as_slice)
    }

    fn count(&mut self, nodes: usize) -> core::result::Result<(), Fault> {
        self.nodes += nodes;
        if self.nodes > NODES {
            Err(Fault::TooMany)
        } else {
            Ok(())
        }
    }
}

/// Checks the certificate policies of a path; the end entity's certificate first, the trust anchor last.
pub(crate) fn check(
    path: &[&Certificate<'_>],
    settings: &Settings,
) -> core::result::Result<(), Fault> {
    let Some((_, certificates)) = path.split_last() else {
        return Ok(());
    };
    let uses = |certificate: &&Certificate<'_>| {
        [
            oid::CERTIFICATE_POLICIES,
            oid::POLICY_CONSTRAINTS,
            oid::POLICY_MAPPINGS,
            oid::INHIBIT_ANY_POLICY,
        ]
        .iter()
        .any(|oid| certificate.extension(oid).is_some())
    };
    if !settings.require_explicit_policy && !certificates.iter().any(uses) {
        return Ok(());
    }
    let length = u32::try_from(certificates.len()).unwrap_or(u32::MAX);
    let start = |inhibited: bool| if inhibited { 0 } else { length + 1 };
    let mut explicit = start(settings.require_explicit_policy);
    let mut mapping = start(settings.inhibit_policy_mapping);
    let mut any = start(settings.inhibit_any_policy);
    let root = Node {
        policy: oid::ANY_POLICY,
        expected: vec![oid::ANY_POLICY],
        parents: Vec::new(),
    };
    let mut graph = Graph {
        depths: vec![vec![root]],
        nodes: 1,
    };

    for (position, certificate) in certificates.iter().enumerate().rev() {
        let last = position == 0;
        let self_issued = name::matches(certificate.subject, certificate.issuer);
        let allow_any = any > 0 || (!last && self_issued);
        let nodes = match certificate.extension(oid::CERTIFICATE_POLICIES) {
            Some(extension) => descend(graph.last(), &policies(extension)?, allow_any),
            None => Vec::new(),
        };
        graph.count(nodes.len())?;
        graph.depths.push(nodes);
        if explicit == 0 && graph.last().is_empty() {
            return Err(Fault::None);
        }
        if last {
            explicit = explicit.saturating_sub(1);
            if constraints(certificate)?.0 == Some(0) {
                explicit = 0;
            }
            break;
        }
        if let Some(extension) = certificate.extension(oid::POLICY_MAPPINGS) {
            map(&mut graph, extension.value, mapping > 0)?;
        }
        if !self_issued {
            explicit = explicit.saturating_sub(1);
            mapping = mapping.saturating_sub(1);
            any = any.saturating_sub(1);
        }
        let (require, inhibit) = constraints(certificate)?;
        explicit = explicit.min(require.unwrap_or(u32::MAX));
        mapping = mapping.min(inhibit.unwrap_or(u32::MAX));
        if let Some(extension) = certificate.extension(oid::INHIBIT_ANY_POLICY) {
            let mut value = Reader::new(extension.value);
            any = any.min(der::small(value.expect(tag::INTEGER)?.content)?);
            value.end()?;
        }
    }
    if explicit == 0 && !is_acceptable(&graph, settings) {
        Err(Fault::None)
    } else {
        Ok(())
    }
}

/// The policies of the next depth (RFC 5280 section 6.1.3 (d)).
fn descend<'a>(above: &[Node<'a>], policies: &[&'a [u8]], allow_any: bool) -> Vec<Node<'a>> {
    let parents_of = |policy: &[u8]| -> Vec<usize> {
        let expects = |node: &Node<'_>| node.expected.contains(&policy);
        above
            .iter()
            .enumerate()
            .filter(|(_, node)| expects(node))
            .map(|(index, _)| index)
            .collect()
    };
    let above_any = above.iter().position(|node| node.policy == oid::ANY_POLICY);
    let mut nodes: Vec<Node<'a>> = Vec::new();
    for &policy in policies.iter().filter(|&&policy| policy != oid::ANY_POLICY) {
        let mut parents = parents_of(policy);
        if parents.is_empty() {
            parents.extend(above_any);
        }
        if !parents.is_empty() {
            nodes.push(Node {
                policy,
                expected: vec![policy],
                parents,
            });
        }
    }
    if allow_any && policies.contains(&oid::ANY_POLICY) {
        for policy in above.iter().flat_map(|node| node.expected.iter().copied()) {
            if nodes.len() < NODES && !nodes.iter().any(|node| node.policy == policy) {
                nodes.push(Node {
                    policy,
                    expected: vec![policy],
                    parents: parents_of(policy),
                });
            }
        }
    }
    nodes
}

/// Policy mappings (RFC 5280 section 6.1.4 (a) and (b)).
fn map<'a>(
    graph: &mut Graph<'a>,
    value: &'a [u8],
    allowed: bool,
) -> core::result::Result<(), Fault> {
    let mut list = der::only(value, tag::SEQUENCE)?;
    let mut mappings: Vec<(&[u8], Vec<&[u8]>)> = Vec::new();
    while !list.is_empty() {
        let mut pair = list.nested(tag::SEQUENCE)?;
        let from = pair.expect(tag::OID)?.content;
        let to = pair.expect(tag::OID)?.content;
        pair.end()?;
        if from == oid::ANY_POLICY || to == oid::ANY_POLICY {
            return Err(Fault::Malformed);
        }
        graph.count(1)?;
        match mappings.iter_mut().find(|(policy, _)| *policy == from) {
            Some((_, targets)) => targets.push(to),
            None => mappings.push((from, vec![to])),
        }
    }
    let depth = graph.depths.len();
    let any_above = depth
        .checked_sub(2)
        .and_then(|above| graph.depths.get(above))
        .and_then(|nodes| nodes.iter().position(|node| node.policy == oid::ANY_POLICY));
    let Some(nodes) = graph.depths.last_mut() else {
        return Ok(());
    };
    let any_here = nodes.iter().any(|node| node.policy == oid::ANY_POLICY);
    for (from, targets) in mappings {
        if !allowed {
            nodes.retain(|node| node.policy != from);
        } else if let Some(node) = nodes.iter_mut().find(|node| node.policy == from) {
            node.expected = targets;
        } else if any_here && let Some(parent) = any_above {
            nodes.push(Node {
                policy: from,
                expected: targets,
                parents: vec![parent],
            });
        }
    }
    Ok(())
}

/// Whether a policy that the settings accept holds (RFC 5280 section 6.1.5 (g)).
fn is_acceptable(graph: &Graph<'_>, settings: &Settings) -> bool {
    let last = graph.last();
    if last.is_empty() {
        return false;
    }
    if settings.certificate_policies.is_empty()
        || last.iter().any(|node| node.policy == oid::ANY_POLICY)
    {
        return true;
    }
    // Policies whose parent is anyPolicy are the ones in the terms of the trust anchor's domain.
    let mut reached: Vec<usize> = (0..last.len()).collect();
    for pair in graph.depths.windows(2).rev() {
        let [above, here] = pair else { return false };
        let mut parents: Vec<usize> = Vec::new();
        for node in reached.iter().filter_map(|&index| here.get(index)) {
            let below_any = node.parents.iter().any(|&parent| {
                above
                    .get(parent)
                    .is_some_and(|parent| parent.policy == oid::ANY_POLICY)
            });
            if below_any && settings.accepts_policy(node.policy) {
                return true;
            }
            for &parent in &node.parents {
                if !parents.contains(&parent) {
                    parents.push(parent);
                }
            }
        }
        reached = parents;
    }
    false
}

/// The policies of a certificate. None may stand twice (section 4.2.1.4).
fn policies<'a>(extension: &Extension<'a>) -> core::result::Result<Vec<&'a [u8]>, Fault> {
    let mut list = der::only(extension.value, tag::SEQUENCE)?;
    if list.is_empty() {
        return Err(Fault::Malformed);
    }
    let mut policies = Vec::new();
    while !list.is_empty() {
        let mut information = list.nested(tag::SEQUENCE)?;
        let policy = information.expect(tag::OID)?.content;
        if policies.contains(&policy) || policies.len() == 64 {
            return Err(Fault::Malformed);
        }
        policies.push(policy);
        if let Some(qualifiers) = information.optional(tag::SEQUENCE)? {
            check_qualifiers(qualifiers.content, extension.critical)?;
        }
        information.end()?;
    }
    Ok(policies)
}

/// Each is a type and a value of that type, which must be known where the extension is critical.
fn check_qualifiers(content: &[u8], critical: bool) -> core::result::Result<(), Fault> {
    let mut qualifiers = Reader::new(content);
    while !qualifiers.is_empty() {
        let mut fields = qualifiers.nested(tag::SEQUENCE)?;
        let kind = fields.expect(tag::OID)?.content;
        fields.value()?;
        fields.end()?;
        if critical && !QUALIFIERS.contains(&kind) {
            return Err(Fault::Qualifier);
        }
    }
    Ok(())
}

/// `requireExplicitPolicy` and `inhibitPolicyMapping` (section 4.2.1.11).
fn constraints(certificate: &Certificate<'_>) -> Result<(Option<u32>, Option<u32>)> {
    let Some(extension) = certificate.extension(oid::POLICY_CONSTRAINTS) else {
        return Ok((None, None));
    };
    let mut fields = der::only(extension.value, tag::SEQUENCE)?;
    let require = fields
        .optional(tag::implicit(0))?
        .map(|value| der::small(value.content))
        .transpose()?;
    let inhibit = fields
        .optional(tag::implicit(1))?
        .map(|value| der::small(value.content))
        .transpose()?;
    fields.end()?;
    if require.is_none() && inhibit.is_none() {
        return Err(Malformed);
    }
    Ok((require, inhibit))
}
