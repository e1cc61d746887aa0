//! Runs the release binary inside the image's file system, which `make image-root` lays out: no container engine is
//! needed to see that the libraries, the certificates and the name service are there and are found.
#![cfg(feature = "edge")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The user of the image, as the Dockerfile and the chart name it.
const USER: &str = "+65532:+65532";

/// Where OpenSSL (for Git) and rustls (for the API server) look for the certificates of public authorities.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

fn image_root() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/image-root");
    ensure!(
        root.join("usr/bin/driftmend").is_file(),
        "{} is not laid out: run `make image-root` first",
        root.display()
    );
    Ok(root)
}

/// Runs a program of the image with nothing of this machine's environment; a root of a user namespace does where we are
/// not root.
fn run_in(root: &Path, program: &str, arguments: &[&str]) -> Result<Output> {
    let is_root = fs::metadata("/proc/self")?.uid() == 0;
    let mut command = if is_root {
        Command::new("chroot")
    } else {
        Command::new("unshare")
    };
    if is_root {
        command.arg(format!("--userspec={USER}"));
    } else {
        command.args(["--map-root-user", "chroot"]);
    }
    command
        .arg(root)
        .arg(program)
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
        .output()
        .with_context(|| format!("unable to run {program} in {}", root.display()))
}

fn stdout(output: &Output) -> Result<String> {
    ensure!(
        output.status.success(),
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout.clone())?)
}

/// A copy of the image's root with a name for this machine, as the kubelet writes it, and a kubeconfig that leaves
/// trust to the image.
struct Copy {
    folder: tempfile::TempDir,
}

impl Copy {
    fn of_image_root() -> Result<Self> {
        // Beside the original, so that the files are links and cost nothing.
        let folder = tempfile::tempdir_in(Path::new(env!("CARGO_MANIFEST_DIR")).join("target"))?;
        let copied = Command::new("cp")
            .args(["--archive", "--link"])
            .arg(image_root()?)
            .arg(folder.path().join("root"))
            .status()?;
        ensure!(copied.success(), "failed to copy the image's root: {copied}");
        let copy = Self { folder };
        fs::write(copy.root().join("etc/hosts"), "127.0.0.1 door.test\n")?;
        Ok(copy)
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn trust(&self, certificate: &str) -> Result<()> {
        let path = self.root().join(CERTIFICATES);
        let bundle = fs::read_to_string(&path)?;
        // Removed first: the copy's file is a link to the image's own.
        fs::remove_file(&path)?;
        fs::write(&path, format!("{bundle}\n{certificate}"))?;
        Ok(())
    }

    fn ask(&self, door: &Door) -> Result<Output> {
        let server = format!("https://door.test:{}", door.port);
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "c",
        });
        fs::write(self.root().join("tmp/kubeconfig"), kubeconfig.to_string())?;
        run_in(
            &self.root(),
            "/usr/bin/driftmend",
            &["report", "web", "-n", "shop", "--kubeconfig", "/tmp/kubeconfig"],
        )
    }
}

/// A server's front door: ends TLS, hands over each request line, and answers 404.
struct Door {
    port: u16,

    certificate: String,

    requests: Receiver<String>,
}

impl Door {
    fn open() -> Result<Self> {
        let made = rcgen::generate_simple_self_signed(vec!["door.test".to_owned()])?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)?;
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let (sender, requests) = channel();
        thread::spawn(move || {
            // A client that does not trust the certificate hangs up: an error here, and no request.
            for line in listener.incoming().flatten().flat_map(|socket| answer(socket, &config)) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            port,
            certificate: made.cert.pem(),
            requests,
        })
    }
}

/// Reads one request's first line and answers that there is nothing.
fn answer(socket: TcpStream, config: &Arc<ServerConfig>) -> Result<String> {
    socket.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(Arc::clone(config))?, socket));
    let mut line = String::new();
    ensure!(stream.read_line(&mut line)? > 0, "the client hung up");
    stream
        .get_mut()
        .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    Ok(line.trim_end().to_owned())
}

#[test]
fn the_binary_starts_and_tells_its_version() -> Result<()> {
    let version = stdout(&run_in(&image_root()?, "/usr/bin/driftmend", &["--version"])?)?;
    assert_eq!(version.trim(), concat!("driftmend ", env!("CARGO_PKG_VERSION")));
    Ok(())
}

#[test]
fn the_bill_of_materials_names_each_crate_of_the_binary() -> Result<()> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let bill = project.join("target/image-root.cdx.json");
    let text =
        fs::read_to_string(&bill).with_context(|| format!("{} is not there: run `make sbom` first", bill.display()))?;
    let bill: serde_json::Value = serde_json::from_str(&text)?;
    assert_eq!(bill["bomFormat"], "CycloneDX");
    assert!(
        !text.contains(&project.display().to_string()),
        "it tells where it was built"
    );
    let components = bill["components"].as_array().context("it has no components")?;
    let listed: BTreeSet<(&str, &str)> = components
        .iter()
        .filter_map(|component| Some((component["name"].as_str()?, component["version"].as_str()?)))
        .collect();
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .current_dir(project)
        .output()?;
    let tree = stdout(&tree)?;
    let named = tree
        .lines()
        .filter_map(|line| line.split_once(" v"))
        .map(|(name, rest)| (name, rest.split(' ').next().unwrap_or(rest)));
    let built: BTreeSet<(&str, &str)> = named.filter(|(name, _)| *name != env!("CARGO_PKG_NAME")).collect();
    assert!(built.len() > 100, "{tree}");
    assert_eq!(
        built.difference(&listed).collect::<Vec<_>>(),
        Vec::<&(&str, &str)>::new()
    );
    Ok(())
}

#[test]
fn the_user_of_the_image_has_a_name_and_may_write_its_cache() -> Result<()> {
    let root = image_root()?;
    assert!(fs::read_to_string(root.join("etc/passwd"))?.starts_with("driftmend:x:65532:65532:"));
    for folder in ["tmp", "var/cache/driftmend"] {
        assert_eq!(
            fs::metadata(root.join(folder))?.permissions().mode() & 0o7777,
            0o1777,
            "{folder}"
        );
    }
    Ok(())
}

#[test]
fn a_server_whose_certificate_nobody_vouches_for_is_refused_before_a_request() -> Result<()> {
    let door = Door::open()?;
    let output = Copy::of_image_root()?.ask(&door)?;
    let told = String::from_utf8_lossy(&output.stderr).to_lowercase();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("certificate"), "{told}");
    assert_eq!(door.requests.recv_timeout(Duration::from_millis(200)).ok(), None);
    Ok(())
}

#[test]
fn a_server_whose_certificate_stands_in_the_bundle_is_found_by_name_and_asked() -> Result<()> {
    let door = Door::open()?;
    let copy = Copy::of_image_root()?;
    copy.trust(&door.certificate)?;
    let output = copy.ask(&door)?;
    // The thread that took it may be later than the answer that it sent.
    let request = door.requests.recv_timeout(Duration::from_secs(20));
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        request.as_deref(),
        Ok("GET /apis/driftmend.dev/v1alpha1/namespaces/shop/driftreports/deployment-web HTTP/1.1"),
        "{told}"
    );
    Ok(())
}

#[test]
fn the_children_that_run_jq_and_git_start_where_no_proc_is_mounted() -> Result<()> {
    let copy = Copy::of_image_root()?;
    let deployment = |replicas: u32| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec: {{replicas: \
             {replicas}}}\n"
        )
    };
    let application = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"namespace": "argocd", "name": "web"},
        "spec": {"ignoreDifferences": [{"group": "apps", "kind": "Deployment",
                                        "jqPathExpressions": [".spec.replicas"]}]},
    });
    for (name, text) in [
        ("git.yaml", deployment(1)),
        ("live.yaml", deployment(2)),
        ("app.json", application.to_string()),
    ] {
        fs::write(copy.root().join("tmp").join(name), text)?;
    }
    let diff = |git: &str, more: &[&str]| {
        run_in(
            &copy.root(),
            "/usr/bin/driftmend",
            &[&["diff", git, "/tmp/live.yaml"], more].concat(),
        )
    };
    assert_eq!(
        diff("/tmp/git.yaml", &[])?.status.code(),
        Some(1),
        "without the rule it is drift"
    );
    stdout(&diff("/tmp/git.yaml", &["--ignore-from", "/tmp/app.json"])?)?;
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let told = String::from_utf8(diff(&format!("git+http://{closed}/web.git"), &[])?.stderr)?;
    assert!(
        told.contains(&format!("unable to reach http://{closed}/web.git")),
        "{told}"
    );
    Ok(())
}
