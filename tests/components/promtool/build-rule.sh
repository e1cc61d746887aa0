# Sourced by build.sh: Prometheus' promtool, which checks alert rules and plays them. It has no version to be told.

# Without the service discoveries: no rule needs them, and they are most of what there is to compile.
export GOFLAGS=-tags=remove_all_sd

build github.com/prometheus/prometheus/cmd/promtool promtool
