//! How a kind's controller exchanges the pods.

use serde_json::{Value, json};

use super::union::{map, maybe};
use crate::random::Random;

pub fn strategy(random: &mut Random) -> Option<Value> {
    match random.below(4) {
        0 => None,
        1 => Some(json!({"type": "Recreate"})),
        2 => Some(json!({"type": "RollingUpdate"})),
        _ => Some(
            json!({"rollingUpdate": map(&[("maxSurge", maybe(random, 70, &[json!(1), json!("50%")])),
                                          ("maxUnavailable", maybe(random, 70, &[json!(1), json!("25%")]))])}),
        ),
    }
}

pub fn broken_strategy(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!({"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}),
                json!({"type": "Slowly"}),
                json!({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
                json!({"rollingUpdate": {"maxSurge": "0%", "maxUnavailable": "0%"}}),
                json!({"rollingUpdate": {"maxSurge": "x", "maxUnavailable": -1}}),
                json!({"rollingUpdate": {"maxUnavailable": "150%"}}),
            ])
            .clone(),
    )
}

pub fn update_strategy(random: &mut Random) -> Option<Value> {
    let nothing = [json!(0), json!("0%")];
    let bounds = match random.below(7) {
        0 => return None,
        1 => return Some(json!({"type": "OnDelete"})),
        2 => return Some(json!({"type": "RollingUpdate"})),
        3 => [
            ("maxUnavailable", maybe(random, 70, &[json!(1), json!(3), json!("25%")])),
            ("maxSurge", maybe(random, 30, &nothing)),
        ],
        4 => [
            ("maxUnavailable", Some(random.pick(&nothing).clone())),
            (
                "maxSurge",
                Some(random.pick(&[json!(1), json!("50%"), json!("100%")]).clone()),
            ),
        ],
        5 => {
            // Nobody looks at what stands beside this type.
            let both = [json!(0), json!(2), json!("150%")];
            let bounds = [
                ("maxUnavailable", maybe(random, 50, &both)),
                ("maxSurge", maybe(random, 50, &both)),
            ];
            return Some(json!({"type": "OnDelete", "rollingUpdate": map(&bounds)}));
        }
        _ => [
            ("maxUnavailable", Some(json!(random.pick(&["10%", "100%", "050%"])))),
            ("maxSurge", None),
        ],
    };
    Some(map(&[
        ("type", maybe(random, 60, &[json!("RollingUpdate")])),
        ("rollingUpdate", Some(map(&bounds))),
    ]))
}

pub fn broken_update_strategy(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!({"type": "Recreate"}),
                json!({"type": "Slowly", "rollingUpdate": {"maxSurge": 1}}),
                json!({"type": ""}),
                json!({"type": 1}),
                json!({"rollingUpdate": {"maxSurge": 1}}),
                json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}),
                json!({"rollingUpdate": {"maxSurge": "10%", "maxUnavailable": "10%"}}),
                json!({"rollingUpdate": {"maxUnavailable": 0}}),
                json!({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
                json!({"rollingUpdate": {"maxSurge": "0%", "maxUnavailable": "0%"}}),
                json!({"rollingUpdate": {"maxUnavailable": -1}}),
                json!({"rollingUpdate": {"maxSurge": -1, "maxUnavailable": 0}}),
                json!({"rollingUpdate": {"maxSurge": "x", "maxUnavailable": -1}}),
                json!({"rollingUpdate": {"maxUnavailable": "150%"}}),
                json!({"rollingUpdate": {"maxSurge": "101%", "maxUnavailable": "0%"}}),
                json!({"rollingUpdate": {"maxSurge": "1", "maxUnavailable": "-5%"}}),
                json!({"rollingUpdate": {"maxUnavailable": true}}),
                json!({"rollingUpdate": {"maxSurge": 1.5}}),
                json!({"type": "OnDelete", "rollingUpdate": {"maxSurge": "x", "maxUnavailable": -1}}),
            ])
            .clone(),
    )
}
