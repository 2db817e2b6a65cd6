#!/usr/bin/env bash
# Passes on what comes on its standard input, with the values of this machine's settings and secrets
# shown by name: read-config keeps each in a file of its own. So what a command or a test says of
# them does not leave the machine.
# usage: hide-settings APPLICATION
set -euo pipefail

exec perl -e '
  $| = 1;
  my %names;
  my $folder = shift;
  for my $file (glob "$folder/* $folder/.[!.]*") {
    my ($name) = $file =~ m{([^/]+)$};
    open my $setting, "<", $file or next;
    while (my $line = <$setting>) {
      $line =~ s/^\s+|\s+$//g;
      # The password of an address by itself, too.
      my @hidden = ($line, $line =~ m{://[^/\s:@]*:([^\s@]+)@});
      for my $one (@hidden) {
        # As it stands in a report of tests.
        (my $escaped = $one) =~ s/&/&amp;/g;
        $escaped =~ s/</&lt;/g;
        $escaped =~ s/>/&gt;/g;
        (my $quoted = $escaped) =~ s/"/&quot;/g;
        # As it stands in JSON.
        (my $json = $one) =~ s/([\\"])/\\$1/g;
        length($_) >= 6 and $names{$_} //= $name for $one, $escaped, $quoted, $json;
      }
    }
  }
  my $any = join "|", map quotemeta, sort { length $b <=> length $a } keys %names;
  while (<STDIN>) {
    s/($any)/[$names{$1}]/g if length $any;
    print;
  }
' "${SPOTKILN_SETTINGS:-/run/${1:?usage: hide-settings APPLICATION}/credentials}"
