use std::sync::atomic::{AtomicUsize, Ordering};

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;

/// Answers as the expression says, and counts how often it was asked.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl Counting {
    fn asked(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Questions for Counting {
    fn ask(&self, expression: &str, objects: &[&Value]) -> (Found, Option<Duration>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        let expression = expression.to_owned();
        let found = match expression.as_str() {
            "crowded" => {
                return (
                    Err(JqError::Child {
                        expression,
                        reason: "others had not ended".to_owned(),
                    }),
                    None,
                );
            }
            "endless" => Err(JqError::TimeOver { expression }),
            "no jq" => Err(JqError::Syntax {
                expression,
                reason: "it is none".to_owned(),
            }),
            _ => Ok(objects
                .iter()
                .map(|object| vec![format!("/{expression}/{}", object["spec"]["replicas"])])
                .collect()),
        };
        (found, Some(Duration::from_secs(1)))
    }
}

fn deployment(replicas: usize) -> Value {
    json!({"metadata": {"name": "web", "namespace": "shop", "resourceVersion": "1"}, "spec": {"replicas": replicas}})
}

fn ask(answers: &Answers, trouble: &Trouble, expression: &str, object: &Value) -> Result<Vec<Vec<String>>, String> {
    let asking = Asking::new(answers, "shop", trouble);
    asking
        .pointers(expression, &[object, &Value::Null])
        .map_err(|error| error.to_string())
}

#[tokio::test(start_paused = true)]
async fn an_answer_and_a_failure_are_asked_for_once_until_what_they_are_about_changes() {
    let (counting, trouble) = (Counting::default(), Trouble::default());
    let answers = Answers::from(Box::new(counting.clone()));
    for _ in 0..5 {
        assert_eq!(ask(&answers, &trouble, "a", &deployment(1)).unwrap()[0], ["/a/1"]);
        assert!(
            ask(&answers, &trouble, "no jq", &deployment(1))
                .unwrap_err()
                .contains("it is none")
        );
        assert!(
            ask(&answers, &trouble, "endless", &deployment(1))
                .unwrap_err()
                .contains("did not end")
        );
    }
    assert_eq!(counting.asked(), 3);
    let mut moved = deployment(1);
    moved["status"] = json!({"readyReplicas": 1});
    moved["metadata"]["resourceVersion"] = json!("2");
    moved["metadata"]["managedFields"] = json!([{"manager": "kubelet"}]);
    assert_eq!(ask(&answers, &trouble, "a", &moved).unwrap()[0], ["/a/1"]);
    assert_eq!(counting.asked(), 3, "what moves by itself is not asked about");
    assert_eq!(ask(&answers, &trouble, "a", &deployment(2)).unwrap()[0], ["/a/2"]);
    assert_eq!(counting.asked(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_believed_for_a_while_and_an_answer_for_ever() {
    let (counting, trouble) = (Counting::default(), Trouble::default());
    let answers = Answers::from(Box::new(counting.clone()));
    for _ in 0..2 {
        let _ = (
            ask(&answers, &trouble, "a", &deployment(1)),
            ask(&answers, &trouble, "endless", &deployment(1)),
        );
    }
    assert_eq!(counting.asked(), 2);
    tokio::time::sleep(FAILED).await;
    let _ = (
        ask(&answers, &trouble, "a", &deployment(1)),
        ask(&answers, &trouble, "endless", &deployment(1)),
    );
    assert_eq!(counting.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_endless_expressions_is_asked_a_few_times_whatever_changes() {
    let (counting, trouble, other) = (Counting::default(), Trouble::default(), Trouble::default());
    let answers = Answers::from(Box::new(counting.clone()));
    let told: Vec<String> = (0..100)
        .map(|at| ask(&answers, &trouble, "endless", &deployment(at)).unwrap_err())
        .collect();
    assert_eq!(counting.asked(), 3);
    assert!(
        told[3].contains("took too long or failed too often; the next is tried in 10 min"),
        "{}",
        told[3]
    );
    assert!(
        ask(&answers, &other, "a", &deployment(1)).is_ok(),
        "another list is asked"
    );
    tokio::time::sleep(FAILED).await;
    assert!(ask(&answers, &trouble, "a", &deployment(1)).is_ok());
}

#[tokio::test(start_paused = true)]
async fn one_assessment_asks_for_so_long_and_what_was_not_tried_is_asked_again() {
    let (counting, trouble) = (Counting::default(), Trouble::default());
    let answers = Answers::from(Box::new(counting.clone()));
    for _ in 0..5 {
        assert!(
            ask(&answers, &trouble, "crowded", &deployment(1))
                .unwrap_err()
                .contains("others had not ended")
        );
    }
    assert_eq!((counting.asked(), trouble.rests(Instant::now())), (5, None));
    let (object, asking) = (deployment(2), Asking::new(&answers, "shop", &trouble));
    tokio::time::sleep(ONE_ASSESSMENT).await;
    let late = asking.pointers("a", &[&object]).unwrap_err().to_string();
    assert!(late.contains("those before it took 120 s together"), "{late}");
    assert!(ask(&answers, &trouble, "a", &object).is_ok(), "the next one goes on");
}

#[test]
fn answers_are_kept_by_their_bytes_and_the_one_who_asks_the_most_forgets_first() {
    let (mut kept, now) = (Kept::default(), Instant::now());
    let answer = |bytes: usize| -> Answer { Arc::new(Ok(vec![vec!["x".repeat(bytes)]])) };
    kept.put("quiet", "first".to_owned(), answer(10), now);
    for at in 0..1_000 {
        kept.put("loud", at.to_string(), answer(100_000), now);
        // Asked for again and again, it stays.
        assert!(kept.get("loud", "0", now).is_some(), "{at}");
    }
    assert!(kept.bytes <= OF_ONE + 200_000, "{}", kept.bytes);
    assert!(kept.get("loud", "1", now).is_none());
    for at in 0..1_000 {
        kept.put(&format!("loud-{}", at % 10), at.to_string(), answer(100_000), now);
    }
    assert!(kept.bytes <= OF_ALL, "{}", kept.bytes);
    assert!(kept.get("quiet", "first", now).is_some());
    let sum: usize = kept
        .namespaces
        .values()
        .map(|of_one| of_one.young_bytes + of_one.old_bytes)
        .sum();
    assert_eq!(kept.bytes, sum);
    kept.put("quiet", "first".to_owned(), answer(1_000), now);
    let counted =
        |answers: &HashMap<String, (Answer, Instant)>| answers.values().map(|(answer, _)| size(answer)).sum::<usize>();
    let of_quiet = &kept.namespaces["quiet"];
    assert_eq!(
        (of_quiet.young_bytes, of_quiet.old_bytes),
        (counted(&of_quiet.young), counted(&of_quiet.old))
    );
}
