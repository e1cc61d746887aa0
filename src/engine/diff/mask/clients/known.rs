//! The clients, and by which flags each takes a secret.

/// How a client takes a secret.
#[derive(Clone, Copy, Debug)]
pub(super) enum Takes {
    /// `-p secret`, `-psecret` and `-p=secret`.
    Short(&'static str),

    /// `-pw secret` and `-pw=secret`.
    Long(&'static str),

    /// `-u user:secret` and `-uuser:secret`: what stands behind this sign.
    Behind(&'static str, char),

    /// `-passin pass:secret`: what stands behind this beginning.
    Begun(&'static str, &'static str),

    /// The last word, as the command of [`Client::with`] takes it.
    Last,

    /// This word behind the one of [`Client::with`], counted from 1 and without flags.
    Nth(usize),

    /// `user/secret@host`, wherever it stands.
    Logon,
}

use Takes::{Begun, Behind, Last, Logon, Long, Nth, Short};

/// Programs that take secrets alike.
pub(super) struct Client {
    pub(super) names: &'static [&'static str],

    /// One of these words must have come before; none where the flags are always secrets.
    pub(super) with: &'static [&'static str],

    /// Whether another program begins at the first word that is no flag.
    pub(super) is_prefix: bool,

    /// Whether several short flags may stand in one word, so that the last letter of `-sku` is `-u`.
    pub(super) clusters: bool,

    pub(super) takes: &'static [Takes],
}

const PLAIN: Client = Client {
    names: &[],
    with: &[],
    is_prefix: false,
    clusters: false,
    takes: &[],
};

/// The clients, by what their manuals say.
pub(super) const CLIENTS: &[Client] = &[
    Client {
        names: &[
            "mariadb",
            "mariadb-admin",
            "mariadb-check",
            "mariadb-dump",
            "mariadb-import",
            "mysql",
            "mysqladmin",
            "mysqlbinlog",
            "mysqlcheck",
            "mysqldump",
            "mysqlimport",
            "mysqlpump",
            "mysqlsh",
            "mysqlshow",
            "mysqlslap",
            "xtrabackup",
        ],
        takes: &[Short("-p")],
        ..PLAIN
    },
    Client {
        names: &[
            "mongo",
            "mongodump",
            "mongoexport",
            "mongofiles",
            "mongoimport",
            "mongorestore",
            "mongosh",
            "mongostat",
            "mongotop",
        ],
        takes: &[Short("-p")],
        ..PLAIN
    },
    Client {
        names: &["keydb-cli", "redis-cli", "redis-benchmark", "valkey-cli"],
        takes: &[Short("-a")],
        ..PLAIN
    },
    Client {
        names: &["keydb-cli", "redis-cli", "valkey-cli"],
        with: &["AUTH", "auth"],
        takes: &[Last],
        ..PLAIN
    },
    Client {
        names: &["curl"],
        clusters: true,
        takes: &[
            Behind("-u", ':'),
            Behind("--user", ':'),
            Behind("-U", ':'),
            Behind("--proxy-user", ':'),
            Behind("-E", ':'),
            Behind("--cert", ':'),
            Behind("-b", '='),
        ],
        ..PLAIN
    },
    Client {
        names: &["http", "https", "xh"],
        takes: &[Behind("-a", ':')],
        ..PLAIN
    },
    Client {
        names: &["etcdctl"],
        takes: &[Behind("--user", ':')],
        ..PLAIN
    },
    Client {
        names: &["ab", "siege"],
        takes: &[Behind("-A", ':'), Behind("-P", ':')],
        ..PLAIN
    },
    Client {
        names: &["lftp"],
        takes: &[Behind("-u", ',')],
        ..PLAIN
    },
    Client {
        names: &["smbclient", "rpcclient", "net"],
        takes: &[Behind("-U", '%')],
        ..PLAIN
    },
    Client {
        names: &["sshpass"],
        is_prefix: true,
        takes: &[Short("-p")],
        ..PLAIN
    },
    Client {
        names: &[
            "az", "buildah", "cf", "crane", "docker", "helm", "ibmcloud", "img", "nerdctl", "oc", "oras", "podman",
            "regctl", "skopeo",
        ],
        with: &["login"],
        takes: &[Short("-p")],
        ..PLAIN
    },
    Client {
        names: &["openssl"],
        takes: &[
            Begun("-pass", "pass:"),
            Begun("-passin", "pass:"),
            Begun("-passout", "pass:"),
            Begun("-password", "pass:"),
            Long("-k"),
            Long("-K"),
            Long("-hmac"),
        ],
        ..PLAIN
    },
    Client {
        names: &["openssl"],
        with: &["passwd"],
        takes: &[Last],
        ..PLAIN
    },
    Client {
        names: &["keytool", "jarsigner"],
        takes: &[
            Long("-storepass"),
            Long("-keypass"),
            Long("-srcstorepass"),
            Long("-deststorepass"),
        ],
        ..PLAIN
    },
    Client {
        names: &[
            "ldapadd",
            "ldapcompare",
            "ldapdelete",
            "ldapexop",
            "ldapmodify",
            "ldapmodrdn",
            "ldapsearch",
            "ldapurl",
            "ldapwhoami",
        ],
        clusters: true,
        takes: &[Short("-w")],
        ..PLAIN
    },
    Client {
        names: &["ldappasswd"],
        clusters: true,
        takes: &[Short("-w"), Short("-s"), Short("-a")],
        ..PLAIN
    },
    Client {
        names: &["bcp", "bsqldb", "fisql", "isql", "osql", "sqlcmd", "tsql"],
        takes: &[Short("-P")],
        ..PLAIN
    },
    Client {
        names: &["cqlsh", "dsbulk", "rabbitmqadmin"],
        takes: &[Short("-p")],
        ..PLAIN
    },
    Client {
        names: &["nodetool"],
        takes: &[Long("-pw")],
        ..PLAIN
    },
    Client {
        names: &[
            "ipmitool",
            "mosquitto_pub",
            "mosquitto_rr",
            "mosquitto_sub",
            "unzip",
            "zip",
        ],
        takes: &[Short("-P")],
        ..PLAIN
    },
    Client {
        names: &["7z", "7za", "rar", "unrar"],
        takes: &[Short("-p"), Short("-hp")],
        ..PLAIN
    },
    Client {
        names: &["snmpget", "snmpset", "snmpwalk", "snmpbulkwalk"],
        takes: &[Short("-c"), Short("-A"), Short("-X")],
        ..PLAIN
    },
    Client {
        names: &["influx"],
        takes: &[Short("-t")],
        ..PLAIN
    },
    Client {
        names: &["kubectl", "oc"],
        with: &["secret"],
        takes: &[Behind("--from-literal", '=')],
        ..PLAIN
    },
    Client {
        names: &["htpasswd"],
        with: &[
            "-b", "-Bb", "-bB", "-bc", "-bm", "-bn", "-cb", "-mb", "-nb", "-Bbc", "-Bbn", "-Bcb", "-Bnb", "-bBc",
            "-bBn", "-bcB", "-bcm", "-bmc", "-bmn", "-bnB", "-bnm", "-cBb", "-cbB", "-cbm", "-cmb", "-mbc", "-mbn",
            "-mcb", "-mnb", "-nBb", "-nbB", "-nbm", "-nmb",
        ],
        takes: &[Last],
        ..PLAIN
    },
    Client {
        names: &["rabbitmqctl"],
        with: &["add_user", "authenticate_user", "change_password"],
        takes: &[Last],
        ..PLAIN
    },
    Client {
        names: &["mc", "mcli"],
        with: &["alias", "host"],
        takes: &[Nth(4), Nth(5)],
        ..PLAIN
    },
    Client {
        names: &["bao", "vault"],
        with: &["login"],
        takes: &[Nth(1)],
        ..PLAIN
    },
    Client {
        names: &["bao", "vault"],
        with: &["unseal"],
        takes: &[Nth(1)],
        ..PLAIN
    },
    Client {
        names: &["aws"],
        with: &["aws_secret_access_key", "aws_session_token"],
        takes: &[Nth(1)],
        ..PLAIN
    },
    Client {
        names: &["gcloud"],
        with: &["activate-refresh-token"],
        takes: &[Nth(2)],
        ..PLAIN
    },
    Client {
        names: &["ngrok"],
        with: &["add-authtoken", "authtoken"],
        takes: &[Nth(1)],
        ..PLAIN
    },
    Client {
        names: &["expdp", "impdp", "rman", "sqlldr", "sqlplus"],
        takes: &[Logon],
        ..PLAIN
    },
    Client {
        names: &["beeline", "ncftpget", "ncftpput", "useradd", "usermod"],
        takes: &[Short("-p")],
        ..PLAIN
    },
    Client {
        names: &["ssh-keygen"],
        takes: &[Short("-N"), Short("-P")],
        ..PLAIN
    },
    // Programs that other clients call, with flags of the same letters that are no secrets.
    Client {
        names: &[
            "mkdir",
            "nc",
            "nmap",
            "pg_dump",
            "pg_isready",
            "pg_restore",
            "psql",
            "rsync",
            "scp",
            "sftp",
            "ssh",
        ],
        ..PLAIN
    },
];

/// Programs that print their words, and what they may print into: a program that reads a secret there, with the word
/// that says so.
pub(super) const PRINTERS: &[&str] = &["echo", "printf"];

/// See [`PRINTERS`].
pub(super) const READERS: &[(&str, &str)] = &[
    ("chpasswd", ""),
    ("cryptsetup", ""),
    ("kinit", ""),
    ("passwd", "--stdin"),
    ("smbpasswd", ""),
    ("sudo", "-S"),
    ("", "--passphrase-fd"),
    ("", "--password-stdin"),
];
