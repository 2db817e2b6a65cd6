#!/usr/bin/env bash
# On a machine booted from a candidate image: waits until the application's unit answers the health
# check, then runs the tests in a copy of its folder and its HOME. Runs as root. Reads SPOTKILN_*, see
# test.pkr.hcl; its parts are in the folder SPOTKILN_PARTS. Leaves junit.xml, junit.tar, test.log,
# journal.log, facts, packages and exit-code in SPOTKILN_REPORT and exits with 0 whatever they say, so that
# they can be fetched. exit-code: 0 passed, 10 the tests' dependencies could not be installed, 20 tests
# failed, 30 the unit did not answer, or one of its pages does not work; only then facts has what
# spotkiln/bake/facts.py reads.
set -euo pipefail

# As systemd gives it to the units, whatever this login's is.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
readonly DEPENDENCIES=10 TESTS=20 UNIT=30
# How many lines are shown of units that do not serve.
readonly LINES=40
readonly app=$SPOTKILN_APP user=$SPOTKILN_USER report=$SPOTKILN_REPORT
readonly copy=/var/tmp/spotkiln-test

# Some of what it reads is coded, for Packer reads {{ }} in it.
decode() {
  base64 --decode <<<"$1"
}

# shellcheck source=packer/scripts/test/units.sh
. "$SPOTKILN_PARTS/units.sh"
# shellcheck source=packer/scripts/test/report.sh
. "$SPOTKILN_PARTS/report.sh"
# shellcheck source=packer/scripts/test/facts.sh
. "$SPOTKILN_PARTS/facts.sh"
# shellcheck source=packer/scripts/test/answers.sh
. "$SPOTKILN_PARTS/answers.sh"
# shellcheck source=packer/scripts/test/copy.sh
. "$SPOTKILN_PARTS/copy.sh"
# shellcheck source=packer/scripts/test/shown.sh
. "$SPOTKILN_PARTS/shown.sh"

judge() {
  wait_for_unit "$address" && ask_pages "$address" || return "$UNIT"
  note_restarts
  run_tests || return
  still_run || {
    write_facts
    return "$UNIT"
  }
}

prepare_report
address=$(own_address)
shown judge
bring_home "$code"
