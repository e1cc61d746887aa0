//! Inputs of each command, and what it is to say to them.

/// What stands in the file `LIVE`, or in standard input.
pub(super) struct Case {
    /// The command.
    pub(super) arguments: &'static [&'static str],

    /// Standard input.
    pub(super) input: &'static str,

    /// The exit code.
    pub(super) code: i32,

    /// The first line of standard output, or of standard error where that is empty.
    pub(super) first_line: &'static str,
}

fn case(arguments: &'static [&'static str], input: &'static str, code: i32, first_line: &'static str) -> Case {
    Case {
        arguments,
        input,
        code,
        first_line,
    }
}

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n";

const EMPTY_LIST: &str = "apiVersion: v1\nitems: []\nkind: List\n";

pub(super) const COMMENTS: &str = "# nothing yet\n\n---\n# nor here\n";

pub(super) const BROKEN: &str = "kind: Deployment\n spec: {}\n";

const EMPTY_LIVE: &str = "error: LIVE is empty, standard input holds no document: did kubectl fail?";

const EMPTY_FILE: &str = "error: LIVE is empty, empty.yaml holds no document: did kubectl fail?";

const EMPTY_DESIRED: &str = "error: DESIRED is empty, empty.yaml holds no document\n";

const EMPTY_PATH: &str = "error: PATH is empty, standard input holds no document: did kubectl fail?";

const EMPTY_CHECKED: &str = "error: --live is empty, standard input holds no document: did kubectl fail?";

const MISSING: &str = "Deployment.apps shop/web            is in web.yaml and not in the cluster";

const MAPPING: &str = "error: -:2:6: mapping values are not allowed in this context";

const A_URL: &str = "error: failed to read a URL as a file of this machine";

pub(super) fn cases() -> Vec<Case> {
    vec![
        // Nothing at all, which is what a command that failed leaves in a pipe.
        case(&["diff", "web.yaml", "-"], "", 2, EMPTY_LIVE),
        case(&["diff", "web.yaml", "-"], " \n\n", 2, EMPTY_LIVE),
        case(&["diff", "web.yaml", "-"], COMMENTS, 2, EMPTY_LIVE),
        case(&["diff", "web.yaml", "-"], "null\n", 2, EMPTY_LIVE),
        case(&["diff", "web.yaml", "-", "-o", "json"], "", 2, EMPTY_LIVE),
        case(&["diff", "web.yaml", "empty.yaml"], "", 2, EMPTY_FILE),
        case(
            &["diff", "web.yaml", "empty.yaml", "--strategy", "server-side-apply"],
            "",
            2,
            EMPTY_FILE,
        ),
        case(&["diff", "empty.yaml", "live.json"], "", 2, EMPTY_DESIRED),
        case(&["diff", "empty.yaml", "empty.yaml"], "", 2, EMPTY_FILE),
        case(
            &["diff", "-", "live.json"],
            "",
            2,
            "error: DESIRED is empty, standard input holds no document: did kubectl fail?",
        ),
        case(
            &["diff", "hollow", "live.json"],
            "",
            2,
            "error: DESIRED is empty, hollow holds no document\n",
        ),
        case(&["check", "-"], "", 2, EMPTY_PATH),
        case(&["check", "-"], COMMENTS, 2, EMPTY_PATH),
        case(
            &["check", "empty.yaml"],
            "",
            2,
            "error: PATH is empty, empty.yaml holds no document\n",
        ),
        case(&["check", "web.yaml", "--live", "-"], "", 2, EMPTY_CHECKED),
        case(&["check", "web.yaml", "--live", "-"], COMMENTS, 2, EMPTY_CHECKED),
        // The same where the user says that it is right.
        case(&["diff", "web.yaml", "-", "--allow-empty"], "", 1, MISSING),
        case(
            &["diff", "empty.yaml", "live.json", "--allow-empty"],
            "",
            0,
            "0 Deployments compared.",
        ),
        case(&["check", "-", "--allow-empty"], COMMENTS, 0, "0 Deployments checked."),
        case(
            &["check", "web.yaml", "--live", "-", "--allow-empty"],
            "",
            0,
            "1 Deployment checked, none is refused; held against live objects: 0, new: 1.",
        ),
        // kubectl that found nothing says so, and a file of other kinds is a file.
        case(&["diff", "web.yaml", "-"], EMPTY_LIST, 1, MISSING),
        case(&["diff", "web.yaml", "-"], SERVICE, 1, MISSING),
        case(&["diff", "-", "live.json"], EMPTY_LIST, 0, "0 Deployments compared."),
        case(
            &["diff", "-", "live.json"],
            SERVICE,
            0,
            "0 Deployments compared; passed over: 1 Service.",
        ),
        case(
            &["check", "-"],
            SERVICE,
            0,
            "0 Deployments checked; passed over: 1 Service.",
        ),
        case(&["check", "-"], EMPTY_LIST, 0, "0 Deployments checked."),
        case(
            &["check", "web.yaml", "--live", "-"],
            EMPTY_LIST,
            0,
            "1 Deployment checked, none is refused; held against live objects: 0, new: 1.",
        ),
        case(
            &["check", "web.yaml", "--live", "-"],
            SERVICE,
            0,
            "1 Deployment checked, none is refused; held against live objects: 0, new: 1 (LIVE: passed over 1 \
             Service).",
        ),
        // Who wants each to be live is told of the one that is not.
        case(
            &["check", "web.yaml", "--live", "-", "--require-live", "-o", "human"],
            EMPTY_LIST,
            2,
            "1 Deployment checked, none is refused; held against live objects: 0, new: 1; not everything could be \
             read.",
        ),
        case(
            &["check", "web.yaml", "--require-live"],
            "",
            2,
            "error: --require-live asks for live objects",
        ),
        case(
            &["check", "web.yaml", "--live", "fixed.json", "--require-live"],
            "",
            0,
            "1 Deployment checked, none is refused; held against live objects: 1, new: 0.",
        ),
        // What cannot be read is told alone: nobody knows whether anything is missing or new.
        case(&["diff", "web.yaml", "-"], BROKEN, 2, MAPPING),
        case(&["check", "web.yaml", "--live", "-"], BROKEN, 2, MAPPING),
        // Server-side apply goes by who owns what.
        case(
            &["diff", "web.yaml", "ownerless.json", "--strategy", "server-side-apply"],
            "",
            2,
            "1 Deployment compared, nothing drifted there; not everything could be read.",
        ),
        case(
            &[
                "check",
                "web.yaml",
                "--live",
                "ownerless.json",
                "--strategy",
                "ServerSideApply",
            ],
            "",
            2,
            "1 Deployment checked, none is refused; held against live objects: 1, new: 0; not everything could be \
             read.",
        ),
        case(
            &["diff", "web.yaml", "ownerless.json", "--strategy", "client-side-apply"],
            "",
            0,
            "1 Deployment compared, nothing drifted.",
        ),
        // Both spellings of a strategy.
        case(
            &["diff", "web.yaml", "fixed.json", "--strategy", "ClientSideApply"],
            "",
            0,
            "1 Deployment compared, nothing drifted.",
        ),
        case(
            &["diff", "web.yaml", "fixed.json", "--strategy", "Replace"],
            "",
            0,
            "1 Deployment compared, nothing drifted.",
        ),
        // A repository without git+ is no file of this machine.
        case(
            &["diff", "https://me:secret@git.example/shop.git//deploy", "live.json"],
            "",
            2,
            A_URL,
        ),
        case(&["check", "ssh://git@git.example/shop.git//deploy"], "", 2, A_URL),
        case(
            &["check", "web.yaml", "--live", "git@git.example:shop.git"],
            "",
            2,
            A_URL,
        ),
        case(&["render", "https://git.example/shop.git"], "", 2, A_URL),
        // Rendering nothing gives nothing.
        case(&["render", "-"], "", 0, "[]"),
        case(&["render", "-"], COMMENTS, 0, "[]"),
        case(&["render", "empty.yaml"], "", 0, "[]"),
        case(&["render", "-"], EMPTY_LIST, 0, "[]"),
        // A report needs a cluster, and one that is not there is not one where all is well.
        case(
            &["report", "--kubeconfig", "nowhere"],
            "",
            2,
            "error: failed to read kubeconfig nowhere: No such file or directory (os error 2)\n",
        ),
        case(
            &["report", "web", "--kubeconfig", "kubeconfig"],
            "",
            2,
            "error: unable to get driftreports.driftmend.dev default/deployment-web: the API server cannot be reached",
        ),
        case(
            &["report", "-A", "--kubeconfig", "kubeconfig"],
            "",
            2,
            "error: unable to list driftreports.driftmend.dev: the API server cannot be reached",
        ),
        case(
            &["check", "web.yaml", "--cluster", "--kubeconfig", "kubeconfig"],
            "",
            2,
            "error: unable to get deployments.apps shop/web: the API server cannot be reached",
        ),
    ]
}
