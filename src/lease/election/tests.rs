use std::collections::BTreeMap;

use pretty_assertions::assert_eq;
use proptest::prelude::*;

use super::*;

/// A server that stores one Lease and compares versions, as the API server does.
#[derive(Default)]
struct Server {
    lease: Option<Lease>,
    version: u64,
}

impl Server {
    fn take(&mut self, proposal: &Proposal) -> bool {
        let current = self
            .lease
            .as_ref()
            .and_then(|lease| lease.metadata.resource_version.clone());
        let expected = match proposal {
            Proposal::Create(_) => None,
            Proposal::Replace(metadata, _) => metadata.resource_version.clone(),
        };
        if current != expected {
            return false;
        }
        self.version += 1;
        let metadata = ObjectMeta {
            resource_version: Some(self.version.to_string()),
            ..ObjectMeta::default()
        };
        self.lease = Some(Lease {
            metadata,
            spec: Some(proposal.spec().clone()),
        });
        true
    }
}

/// What one process has on the way.
#[derive(Default)]
struct Flight {
    read: Option<Option<Lease>>,
    sent: Option<(Proposal, Instant)>,
    answer: Option<(Proposal, Instant)>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Read(usize),
    Decide(usize),
    Arrive(usize),
    Answer(usize),
    LoseAnswer(usize),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0..3_usize;
    let step = prop_oneof![
        4 => who.clone().prop_map(Step::Read),
        4 => who.clone().prop_map(Step::Decide),
        4 => who.clone().prop_map(Step::Arrive),
        4 => who.clone().prop_map(Step::Answer),
        1 => who.prop_map(Step::LoseAnswer),
        4 => prop_oneof![0..3_000_u64, 4_900..5_100_u64, 9_900..10_100_u64, 14_900..15_100_u64].prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 1..400)
}

fn candidates() -> [Candidate; 3] {
    ["a", "b", "c"].map(|name| Candidate::new(name.into(), LeaseTimes::default()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn two_candidates_never_both_lead_and_never_share_an_epoch(steps in steps()) {
        let mut server = Server::default();
        let mut candidates = candidates();
        let mut flights: [Flight; 3] = Default::default();
        let mut epochs: BTreeMap<u32, usize> = BTreeMap::new();
        let begin = Instant::now();
        let mut now = begin;
        for step in steps {
            match step {
                Step::Wait(millis) => now += Duration::from_millis(millis),
                Step::Read(i) => flights[i].read = Some(server.lease.clone()),
                Step::Decide(i) => {
                    if let Some(found) = flights[i].read.take() {
                        let proposal = candidates[i].propose(found, now, wall(now - begin));
                        flights[i].sent = proposal.map(|proposal| (proposal, now));
                    }
                }
                Step::Arrive(i) => {
                    if let Some((proposal, sent)) = flights[i].sent.take() {
                        flights[i].answer = server.take(&proposal).then_some((proposal, sent));
                    }
                }
                Step::Answer(i) => {
                    if let Some((proposal, sent)) = flights[i].answer.take() {
                        candidates[i].won(&proposal, sent);
                    }
                }
                Step::LoseAnswer(i) => flights[i].answer = None,
            }
            let leads = |(i, candidate): (usize, &Candidate)| Some((i, candidate.leadership(now).epoch(now)?));
            let leaders: Vec<_> = candidates.iter().enumerate().filter_map(leads).collect();
            prop_assert!(leaders.len() <= 1, "{leaders:?}");
            for (leader, epoch) in leaders {
                prop_assert_eq!(*epochs.entry(epoch).or_insert(leader), leader, "epoch {}", epoch);
            }
        }
    }
}

/// A wall clock that runs backwards: what it shows must not matter.
fn wall(elapsed: Duration) -> Timestamp {
    T0 - jiff::SignedDuration::try_from(elapsed).unwrap()
}

const T0: Timestamp = Timestamp::UNIX_EPOCH;

/// Lets a candidate read and write without anybody between.
fn turn(server: &mut Server, candidate: &mut Candidate, now: Instant) -> Option<u32> {
    if let Some(proposal) = candidate.propose(server.lease.clone(), now, T0)
        && server.take(&proposal)
    {
        candidate.won(&proposal, now);
    }
    candidate.leadership(now).epoch(now)
}

fn after(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_record_that_keeps_changing_is_alive_whatever_its_clock_says() {
    let (mut server, [mut a, mut b, _], begin) = (Server::default(), candidates(), Instant::now());
    assert_eq!(turn(&mut server, &mut a, begin), Some(0));
    for second in 1..60 {
        let wall = T0 - jiff::SignedDuration::from_hours(second);
        let now = begin + after(second.unsigned_abs());
        let proposal = a.propose(server.lease.clone(), now, wall).unwrap();
        assert!(server.take(&proposal));
        assert_eq!(turn(&mut server, &mut b, now), None);
    }
}

#[test]
fn a_dead_leaders_lease_is_taken_after_it_has_not_changed_for_its_duration() {
    let (mut server, [mut a, mut b, _], begin) = (Server::default(), candidates(), Instant::now());
    assert_eq!(turn(&mut server, &mut a, begin), Some(0));
    assert_eq!(
        turn(&mut server, &mut b, begin + after(100)),
        None,
        "first seen now, however old it is"
    );
    assert_eq!(a.leadership(begin + after(10)), Leadership::Standby);
    assert_eq!(turn(&mut server, &mut b, begin + after(114)), None);
    assert_eq!(turn(&mut server, &mut b, begin + after(115)), Some(1));
    assert_eq!(
        turn(&mut server, &mut a, begin + after(116)),
        None,
        "the old leader sees that it lost"
    );
}

#[test]
fn a_leader_that_was_cut_off_leads_on_under_its_epoch_when_nobody_took_the_lease() {
    let (mut server, [mut a, ..], begin) = (Server::default(), candidates(), Instant::now());
    assert_eq!(turn(&mut server, &mut a, begin), Some(0));
    assert_eq!(a.leadership(begin + after(60)), Leadership::Standby);
    assert_eq!(turn(&mut server, &mut a, begin + after(60)), Some(0));
}

#[test]
fn a_released_lease_is_taken_at_once_under_a_new_epoch() {
    let (mut server, [mut a, mut b, _], begin) = (Server::default(), candidates(), Instant::now());
    assert_eq!(turn(&mut server, &mut a, begin), Some(0));
    assert_eq!(turn(&mut server, &mut b, begin), None);
    let released = a.release(server.lease.clone(), T0).unwrap();
    assert!(server.take(&released));
    assert_eq!(turn(&mut server, &mut b, begin), Some(1));
    assert_eq!(b.release(server.lease.clone(), T0).map(|_| ()), Some(()));
    assert_eq!(
        a.release(server.lease.clone(), T0),
        None,
        "nobody releases what another holds"
    );
}

#[test]
fn a_deleted_lease_is_put_back_by_its_leader_and_taken_by_others_only_later() {
    let (mut server, [mut a, mut b, _], begin) = (Server::default(), candidates(), Instant::now());
    assert_eq!(turn(&mut server, &mut a, begin), Some(0));
    assert_eq!(turn(&mut server, &mut b, begin), None);
    server.lease = None;
    assert_eq!(turn(&mut server, &mut b, begin + after(1)), None);
    assert_eq!(turn(&mut server, &mut a, begin + after(2)), Some(0));
    server.lease = None;
    assert_eq!(turn(&mut server, &mut b, begin + after(3)), None);
    assert_eq!(
        turn(&mut server, &mut b, begin + after(18)),
        Some(1),
        "an epoch outlives the Lease that had it"
    );
}

#[test]
fn a_lease_that_somebody_emptied_is_free() {
    let (mut server, [mut a, ..], begin) = (Server::default(), candidates(), Instant::now());
    server.lease = Some(Lease::default());
    server.lease.as_mut().unwrap().metadata.resource_version = Some("0".into());
    assert_eq!(turn(&mut server, &mut a, begin), Some(1));
}
