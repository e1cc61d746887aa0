# What the build and the tests want of a machine, one line each: how it is found | its Debian package | what for. Read by check.sh and setup.sh.
needs=(
  'command -v gcc|gcc|the C parts of the build'
  'command -v g++|g++|the fuzzer'
  'command -v make|make|make itself'
  'command -v pkg-config|pkg-config|finding OpenSSL and zlib'
  'pkg-config --exists openssl|libssl-dev|Git over https'
  'pkg-config --exists zlib|zlib1g-dev|Git'
  'test -s /etc/ssl/certs/ca-certificates.crt|ca-certificates|the image'
  'command -v git|git|the servers that the Git source is tested against'
  'PATH=$PATH:/usr/sbin command -v sshd|openssh-server|the same over ssh'
  'command -v redis-server|redis-server|the tests beside Argo CD'
  'command -v jq|jq|make check-corpus'
)

# Cargo's own tools, pinned, so that a new release does not redden a build: name, version, how it answers.
tools=(
  'cargo-deny 0.20.2 deny'
  'cargo-fuzz 0.13.2 fuzz'
  'cargo-cyclonedx 0.5.9 cyclonedx'
)

# The Debian packages that this machine lacks, one line each.
missing_packages() {
  local need found package
  for need in "${needs[@]}"; do
    IFS='|' read -r found package _ <<<"$need"
    eval "$found" >/dev/null 2>&1 || echo "$package"
  done
}
