//! The rules of an iSCSI volume.

use super::require;
use crate::engine::validation::causes::Causes;
use crate::engine::validation::content;
use crate::engine::validation::node::Node;

pub(super) fn validate_iscsi(source: &Node<'_>, volume: &Node<'_>, out: &mut Causes) {
    const TOO_LONG: &str = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if \
                            iscsi.initiatorName is specified.";
    let (portal, iqn, lun) = (source.at("targetPortal"), source.at("iqn"), source.at("lun"));
    require(&portal, out);
    match iqn.text() {
        "" => out.required(&iqn, ""),
        name => iscsi_name(&iqn, name, out),
    }
    if let Some(value) = lun.integer() {
        out.invalid_number(&lun, value, content::not_within(value, 0, 255));
    }
    if (source.at("chapAuthDiscovery").is_true() || source.at("chapAuthSession").is_true())
        && !source.at("secretRef").is_set()
    {
        out.required(&source.at("secretRef"), "");
    }
    if let Some(initiator) = source.set("initiatorName") {
        iscsi_name(&initiator.moved(&source.at("initiatorname")), initiator.text(), out);
    }
    let name = volume.at("name");
    if source.at("initiatorName").is_set() && name.text().len() + 1 + portal.text().len() > 64 {
        out.invalid(&name, name.text(), TOO_LONG);
    }
}

/// `iscsiInitiatorIqnRegex`, `iscsiInitiatorEuiRegex` and `iscsiInitiatorNaaRegex`, of which only the last two hold
/// from the beginning of the text.
fn iscsi_name(at: &Node<'_>, name: &str, out: &mut Causes) {
    let is_number = |text: &str, digits: usize| {
        let rest = text.strip_prefix(|_: char| true).filter(|_| !text.starts_with('\n'));
        rest.is_some_and(|rest| rest.len() == digits && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    let is_valid = match name.get(..3) {
        Some("iqn") => name
            .match_indices("iqn.")
            .any(|(found, prefix)| is_qualified(&name[found + prefix.len()..])),
        Some("eui") => is_number(&name[3..], 16),
        Some("naa") => is_number(&name[3..], 32),
        _ => return out.invalid(at, name, "must be valid format starting with iqn, eui, or naa"),
    };
    if !is_valid {
        out.invalid(at, name, "must be valid format");
    }
}

/// What follows `iqn.`: a year and a month, a naming authority, and its own name after a colon.
fn is_qualified(text: &str) -> bool {
    let Some((date, rest)) = text.split_at_checked(8) else {
        return false;
    };
    let is_date = date.bytes().zip(*b"dddd-dd.").all(|(byte, form)| {
        if form == b'd' {
            byte.is_ascii_digit()
        } else {
            byte == form
        }
    });
    let Some((authority, own)) = rest.split_once(':') else {
        return false;
    };
    let is_authority = !authority.is_empty()
        && authority
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    is_date
        && is_authority
        && !own.is_empty()
        && !own.contains([',', ';', '*', '&', '$', '|', '\t', '\n', '\u{c}', '\r', ' '])
}
