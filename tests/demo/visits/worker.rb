# Writes down now and then that it is there.

$stdout.sync = true
trap("TERM") { exit }
loop do
  File.write(File.join(ENV.fetch("STATE_DIRECTORY", "/tmp"), "worker"), Time.now.to_s)
  sleep 1
end
