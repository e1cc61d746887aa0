//! The name of a report, which says what it is about.

use crate::engine::digest::digest;

/// The longest name of an object (apimachinery, `util/validation`, `DNS1123SubdomainMaxLength`).
const NAME_LIMIT: usize = 253;

/// The digits of its digest that tell one long name from another: 128 bits, so that nobody finds two names that share a
/// report.
const DIGITS: usize = 32;

/// The name of the report about an object: `deployment-web` for the Deployment `web`.
///
/// Where that would be longer than a name may be, the object's name is cut and its digest appended: the definition's
/// rule demands what comes before it, and `DriftReport::kind_of_its_target` the whole. Both kinds of names are a
/// valid one of Kubernetes where the object's is.
pub fn report_name(kind: &str, name: &str) -> String {
    let whole = format!("{}-{name}", kind.to_ascii_lowercase());
    if whole.len() <= NAME_LIMIT {
        return whole;
    }
    // Names of Kubernetes are ASCII, so that every byte ends a character; another one is no name, and neither is what
    // comes of it.
    let kept = whole.get(..NAME_LIMIT - DIGITS).unwrap_or_default();
    let digest = digest(&name.into());
    format!("{kept}{}", digest.get(..DIGITS).unwrap_or(&digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_the_kind_and_no_two_objects_share_one() {
        assert_eq!(report_name("Deployment", "web"), "deployment-web");
        assert_eq!(
            report_name("Deployment", &"a".repeat(242)),
            format!("deployment-{}", "a".repeat(242))
        );
        let (one, other) = (
            report_name("Deployment", &"a".repeat(243)),
            report_name("Deployment", &format!("{}b", "a".repeat(242))),
        );
        assert_eq!((one.len(), other.len()), (253, 253));
        assert_ne!(one, other);
        // The definition's rule demands as much of the name.
        assert!(one.starts_with(&format!("deployment-{}", "a".repeat(210))), "{one}");
        // What ends the part that is kept may be anything that a name has inside.
        assert!(report_name("Deployment", &format!("{}.{}", "a".repeat(209), "b".repeat(40))).contains("."));
    }
}
