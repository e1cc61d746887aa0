# `make` alone lists the targets. A recipe longer than three lines stands as a script under tests/.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Installs what this machine lacks: Debian packages, the compiler, Cargo's tools (root or sudo -n; a few minutes, once)
	bash tests/machine/setup.sh

# Before anything that takes minutes: all that is missing in one message.
.PHONY: machine
machine:
	@bash tests/machine/check.sh

.PHONY: components
components: kubernetes promtool ## Builds all that the tests run, the real Argo CD and kustomize-controller too (about 20 minutes, once; needs Go)
	tests/components/build.sh argo-cd
	tests/components/build.sh kustomize-controller

.PHONY: kubernetes
kubernetes: ## Builds etcd, kube-apiserver, kube-controller-manager, kubectl, kustomize and helm (about 7 minutes, once; needs Go)
	tests/components/build.sh kubernetes

.PHONY: promtool
promtool: ## Builds Prometheus' promtool, by which the chart's alert rules are checked (about 3 minutes, once; needs Go)
	tests/components/build.sh promtool

# The example stands beside the binary because Cargo otherwise builds every dependency twice: its tests and examples turn on features
# of tokio that the binary alone does not.
.PHONY: build
build: ## Builds the debug binary and the demo
	cargo build --locked --bin driftmend --example demo

.PHONY: release
release: ## Builds the release binary
	cargo build --release --locked --bin driftmend

.PHONY: image-root
image-root: release ## Lays out target/image-root, the file system of the image
	bash tests/image/lay-out.sh target/release/driftmend target/image-root

.PHONY: sbom
sbom: ## Writes target/image-root.cdx.json, the crates of the release binary as CycloneDX; needs cargo-cyclonedx
	bash tests/image/sbom.sh target/image-root.cdx.json

.PHONY: crds
crds: build ## Writes the CRDs into crds and the chart
	bash tests/write-crds.sh target/debug/driftmend

.PHONY: reference
reference: ## Writes docs/rules.md and docs/reference anew: rules, custom resources, metrics and command line, as the code says
	DRIFTMEND_WRITE_DOCS=1 cargo test --locked --lib --test house -- reference:: the_page_of_the_rules

.PHONY: demo
demo: build ## Plays the whole story on a control plane of its own, or in the cluster of KUBECONFIG; KEEP=1 stays
	target/debug/examples/demo

# What a commit may break, by what is built in any case: lint has clippy over all tests, test has the real servers.
.PHONY: check
check: check-quick ## Checks before a push: format, lints, unit tests of everything, the house's rules (under a minute where all is built)
	cargo clippy --locked --lib --bins -- -D warnings
	cargo test --locked --lib --bins --test names --test machine

.PHONY: check-quick
check-quick: lint-format ## Checks before a commit: format and the house's rules, in seconds
	cargo test --locked --no-default-features --quiet --test house

.PHONY: lint
lint: lint-format lint-clippy lint-docs lint-fuzz lint-dependencies ## Checks format, lints, documentation and dependencies

.PHONY: lint-format
lint-format:
	cargo fmt --check

.PHONY: lint-clippy
lint-clippy:
	cargo clippy --locked --no-default-features --all-targets -- -D warnings
	cargo clippy --locked --all-targets -- -D warnings

# A link that leads nowhere is an error, in private items too: they are what a newcomer reads.
.PHONY: lint-docs
lint-docs:
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

# A workspace of its own, which no other target but fuzz builds; the doors to what is private are there for cargo-fuzz alone.
.PHONY: lint-fuzz
lint-fuzz:
	RUSTFLAGS="--cfg fuzzing" cargo clippy --locked --manifest-path tests/fuzz/Cargo.toml --target-dir target/fuzz/lint -- -D warnings

.PHONY: lint-dependencies
lint-dependencies:
	cargo deny --locked check bans licenses sources
	bash tests/advisories.sh

.PHONY: test
test: machine test-engine test-all test-chart check-corpus ## Runs every test and builds all that it needs: the engine alone, all of it, the chart, recorded answers

.PHONY: test-engine
test-engine: machine ## Builds and tests the pure part alone: its unit tests, its examples, and what needs no more than it
	cargo test --locked --no-default-features --no-fail-fast --lib --test house --test recorded_operations
	cargo test --locked --no-default-features --doc

# Tests on real servers mostly wait for them: twice as many at once as there are cores take half the time.
TEST_THREADS ?= 4

.PHONY: test-all
test-all: machine components image-root sbom ## Runs all of Cargo's tests, on real servers and in the laid-out image too
	RUST_TEST_THREADS=$(TEST_THREADS) cargo test --locked --no-fail-fast

.PHONY: test-argo
test-argo: machine components ## Runs the tests beside a real Argo CD alone; test-all runs them too (needs redis-server)
	cargo test --locked --test argo

.PHONY: test-flux
test-flux: machine components ## Runs the tests beside a real kustomize-controller alone; test-all runs them too
	cargo test --locked --test flux

.PHONY: oracle
oracle: machine kubernetes ## Holds predictions against the real API server: N cases (2000) of SEED (1) of one KIND (Deployment), all ABOUT one part where it is named
	ORACLE_KIND=$${KIND:-Deployment} ORACLE_N=$${N:-2000} ORACLE_SEED=$${SEED:-1} ORACLE_ABOUT="$${ABOUT:-}" cargo test --locked --test oracle -- cases_of_a_fixed_seed

.PHONY: oracle-fields
oracle-fields: machine kubernetes ## Holds predictions for every field with every wrong value against the real API server (half an hour), of one KIND (Deployment), or N of them, or those ABOUT a part
	FIELDS_KIND=$${KIND:-Deployment} FIELDS_N=$${N:-1000000} FIELDS_ABOUT="$${ABOUT:-}" cargo test --locked --test fields

.PHONY: oracle-sequences
oracle-sequences: machine kubernetes ## Plays sequences of writes and commits on the real API server: N of them (5000) of SEED (1) of one KIND (Deployment)
	ORACLE_KIND=$${KIND:-Deployment} SEQUENCES_N=$${N:-5000} SEQUENCES_SEED=$${SEED:-1} cargo test --locked --test oracle -- sequences_of_a_fixed_seed

.PHONY: crash
crash: machine components ## Disturbs heals beside Argo CD and Flux at their writes, five ways each: N (40) of each kind of heal (ten)
	CRASHES_N=$${N:-40} cargo test --locked --test argo --test flux -- ends_once_and_well

.PHONY: at-once
at-once: machine components ## Approves N (100) heals at once, and as many beside Argo CD that each clear an operation: all end well, clears in the order of approval
	HEALS_AT_ONCE=$${N:-100} cargo test --locked --test cluster -- heals_approved_at_once
	CLEARS_N=$${N:-100} cargo test --locked --test argo -- clears_approved_at_once

.PHONY: heals
heals: machine components ## Plays unions by chance beside the real Argo CD and Flux: N cases each (150) of SEED (1), those ABOUT words between commas, or that NUMBER alone
	HEALS_N=$${N:-150} HEALS_SEED=$${SEED:-1} HEALS_ABOUT="$${ABOUT:-}" HEALS_AT=$${NUMBER:-} cargo test --locked --no-fail-fast --test argo --test flux -- matrix:: --nocapture

.PHONY: test-chart
test-chart: machine kubernetes promtool ## Lints the chart in its three modes, and plays its alert rules
	bash tests/chart/lint.sh "$$(tests/components/build.sh kubernetes)/helm"
	bash tests/chart/alerts.sh "$$(tests/components/build.sh kubernetes)/helm" "$$(tests/components/build.sh promtool)/promtool"

.PHONY: bench
bench: kubernetes ## Measures a release build on a control plane of its own and prints a table (about 15 minutes)
	cargo build --release --locked --bin driftmend --example bench
	target/release/examples/bench

# How long `fuzz` runs each of its targets.
FUZZ_SECONDS ?= 30

.PHONY: fuzz
fuzz: machine ## Fuzzes every parser of foreign bytes, or PARSERS alone, FUZZ_SECONDS (30) each; needs cargo-fuzz
	bash tests/fuzz/run.sh $(FUZZ_SECONDS) $(PARSERS)

.PHONY: check-corpus
check-corpus: build ## Holds the binary against faults that were found once, and recorded cases beside the project, where there are any
	bash tests/check-corpus.sh target/debug/driftmend

.PHONY: clean
clean: ## Removes what Cargo and image-root made; the components stay (.components)
	cargo clean
