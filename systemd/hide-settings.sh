#!/usr/bin/env bash
# Passes on what comes on its standard input, with the values of this machine's settings and secrets
# shown by name: read-config keeps each in a file of its own. So what a command or a test says of
# them does not leave the machine. What is read later, while this runs, is hidden from then on.
# usage: hide-settings APPLICATION
set -euo pipefail

readonly app=${1:?usage: hide-settings APPLICATION}
read -r -d '' program <<'EOF' || true
use strict;
$| = 1;
my ($app, $folder) = @ARGV;
# Nobody's secret, and in every log: shown by name, they would make it unreadable, and what is said of
# the units with it.
my %plain = map { $_ => 1 } $app, qw(active inactive failed exited running service systemd status
  production staging development default enabled disabled public warning webapp
  localhost 127.0.0.1 0.0.0.0 postgres postgresql);
my $REGION = qr/^[a-z]{2}(-[a-z]+)+-\d$/;
# What is shorter is too likely to be something else.
my $SHORTEST = 6;
my %ESCAPED = ("\b" => 'b', "\t" => 't', "\f" => 'f', "\r" => 'r', '"' => '"', '\\' => '\\');
my (%names, $any);
my $seen = '';

sub base64 {
  my $whole = shift;
  my $coded = join '', map { substr pack('u', $_), 1 } unpack '(a45)*', $whole;
  $coded =~ tr/\n//d;
  $coded =~ tr|`!-_|AB-Za-z0-9+/|;
  # Without what fills it up to four characters.
  return substr $coded, 0, int((4 * length($whole) + 2) / 3);
}

# As it stands in JSON; some write what is no plain ASCII, or means something in HTML, as a number.
sub json {
  my ($one, $numbered) = @_;
  $one =~ s{(["\\\x00-\x1f])}{'\\' . ($ESCAPED{$1} // sprintf 'u%04x', ord $1)}ge;
  return $one if !defined $numbered;
  utf8::decode($one);
  $one =~ s/($numbered)/join '', map { sprintf '\\u%04x', $_ } units(ord $1)/ge;
  utf8::encode($one);
  return $one;
}

sub units {
  my $code = shift;
  return $code if $code < 0x10000;
  return (0xd800 + (($code - 0x10000) >> 10), 0xdc00 + (($code - 0x10000) & 0x3ff));
}

# As it stands in a report of tests, or in a page.
sub markup {
  my $one = shift;
  $one =~ s/&/&amp;/g;
  $one =~ s/</&lt;/g;
  $one =~ s/>/&gt;/g;
  my @found;
  for my $double ('"', '&quot;', '&#34;') {
    for my $single ("'", '&apos;', '&#39;', '&#x27;') {
      (my $form = $one) =~ s/"/$double/g;
      $form =~ s/'/$single/g;
      push @found, $form;
    }
  }
  return @found;
}

# As it stands in an address.
sub percent {
  my ($one, $left) = @_;
  $one =~ s/([^A-Za-z0-9_.~$left-])/sprintf '%%%02X', ord $1/ge;
  (my $plus = $one) =~ s/%20/+/g;
  return ($one, $plus, map { s/(%..)/\L$1/gr } $one, $plus);
}

sub forms {
  my $one = shift;
  # Nothing in it is written in another way; of most lines of a key nothing is.
  return ($one, base64($one)) if $one !~ /[^A-Za-z0-9_.~-]/;
  # A program's own way to show text: what begins an expression, or ends the text, is escaped as well.
  (my $doubled = $one) =~ s/\\/\\\\/g;
  (my $quoted = $doubled) =~ s/'/\\'/g;
  (my $inspected = json($one)) =~ s/#(?=[{\$@])/\\#/g;
  my @json = map { json($one, $_) } undef, qr/[^\x00-\x7f]/, qr/[<>&]/, qr/[<>&']/, qr/[<>&']|[^\x00-\x7f]/;
  (my $slashed = $json[0]) =~ s{/}{\\/}g;
  my @text = ($one, @json, $slashed, $doubled, $quoted, $inspected);
  # A line of JSON in a line of JSON.
  push @text, map { json($_) } @text;
  return ((map { ($_, markup($_)) } @text), percent($one, ''), percent($one, '/'), base64($one));
}

sub unquoted {
  my $one = shift;
  $one =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
  return $one;
}

# What is secret in a line of a value by itself, too.
sub parts {
  my $line = shift;
  my @found = ($line);
  # A key within JSON has its line ends written out.
  push @found, map { split /\\n/ } $line =~ /"[^"]*(?:key|password|secret|token)[^"]*"\s*:\s*"((?:[^"\\]|\\.)*)"/gi;
  push @found, $line =~ /[?&;][\w-]*(?:key|password|secret|token)[\w-]*=([^&;\s"']+)/gi;
  # The password of an address, which may hold an @ or a slash, and how HTTP sends it.
  for my $pattern (qr{://([^/\s:\@]*):([^\s\@]+)\@}, qr{://([^/\s:\@]*):(\S+)\@}) {
    while ($line =~ /$pattern/g) {
      my ($who, $password) = ($1, $2);
      push @found, $password, unquoted($password), base64(unquoted($who) . ':' . unquoted($password));
    }
  }
  # Where there is none, the user is a token.
  push @found, map { ($_, unquoted($_)) } $line =~ m{https?://([^/\s:\@]+)(?::(?:x-oauth-basic)?)?\@}gi;
  return @found;
}

sub learn {
  my $file = shift;
  my ($name) = $file =~ m{([^/]+)$};
  open my $setting, '<', $file or return;
  while (my $line = <$setting>) {
    $line =~ s/^\s+|\s+$//g;
    for my $one (grep { length($_) >= $SHORTEST && !$plain{$_} && !/$REGION/ } parts($line)) {
      $names{$_} //= $name for forms($one);
    }
  }
}

# What has once been read stays hidden: it may be said later than it was replaced.
sub look {
  my @folders = ($folder, "$folder.new");
  my $now = join ' ', map { my @found = stat; @found ? @found[1, 9, 10] : '-' } @folders;
  return if $now eq $seen;
  $seen = $now;
  for my $one (@folders) {
    opendir my $listed, $one or next;
    learn("$one/$_") for grep { !/^\.\.?$/ } sort readdir $listed;
  }
  $any = join '|', map { quotemeta } sort { length $b <=> length $a || $a cmp $b } keys %names;
  $any = qr/($any)/ if length $any;
}

look();
while (<STDIN>) {
  look();
  s/$any/[$names{$1}]/g if length $any;
  print;
}
EOF

exec perl -e "$program" "$app" "${SPOTKILN_SETTINGS:-/run/$app/credentials}"
