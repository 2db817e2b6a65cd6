"""Signs: what frameworks and runtimes say when a known thing is wrong.

Their words are public: Ruby's, Rails' and puma's, Python's, Django's, gunicorn's and uvicorn's,
Node's, Go's, the JVM's, the shell's, the dynamic linker's.
"""

from spotkiln.bake import private_index, remedies
from spotkiln.bake.sign import Sign

SETTING = r"[A-Z][A-Z0-9_]{2,}"
# A name in the middle of a sentence: without an underscore it may be no variable.
NAMED = r"[A-Z][A-Z0-9]*_[A-Z0-9_]+"
LIBRARY = r"lib[\w.+-]+\.so[\w.]*"


PATH = r"['\"\u2018]?(/?[^\s'\"\u2018\u2019:,()]+)"

SIGNS = (
    Sign(remedies.service_not_there, r"^test-services: (\S+) is not in the base image$"),
    Sign(remedies.service_down, r"^test-services: (\S+) does not start\b"),
    Sign(remedies.left_secret, r"^app: the build has left a secret of build\.secrets in (.+)$"),
    Sign(remedies.lacking, r"^config: missing: (.+?); looked in .+ starts here$"),
    Sign(remedies.unread, r"^config: (.+) \(tried for \d+ s\); .+ starts here$"),
    Sign(remedies.unread, r"^config: (there is no .+); .+ starts here$"),
    Sign(remedies.tests_limit, r"^test: the limit of \d+ s \(test_seconds\) has ended them$"),
    Sign(
        remedies.heap,
        r"JavaScript heap out of memory",
        r"java\.lang\.OutOfMemoryError",
    ),
    Sign(
        remedies.memory,
        r"[Oo]ut of memory: Killed process",
        r"killed by the OOM killer",
        r"fatal error: runtime: (?:cannot allocate|out of) memory",
        r"insufficient memory for the Java Runtime Environment",
        r"failed to allocate memory \(NoMemoryError\)",
        r"^MemoryError\b",
        r"Cannot allocate memory",
        r"Worker \(pid:\d+\) was sent SIGKILL! Perhaps out of memory\?",
        r"^(?:bash: line \d+: +\d+ )?Killed\b",
    ),
    Sign(
        remedies.read_only,
        # Ruby, Python, Node, the shell's tools, then Go, the JVM, the shell.
        rf"Read-only file system @ \w+ - {PATH}",
        rf"\[Errno 30\] Read-only file system: {PATH}",
        rf"EROFS: read-only file system, \w+ {PATH}",
        rf"cannot [\w ]+? {PATH}['\u2019]?: Read-only file system",
        rf"\b(?:open|mkdir|create|rename|remove|unlink|chmod) {PATH}: read-only file system",
        rf"FileSystemException: {PATH}: Read-only file system",
        rf"{PATH} \(Read-only file system\)",
        rf"{PATH}: Read-only file system$",
        r"attempt to write a readonly database",
        r"SQLite3::(?:ReadOnly|CantOpen)Exception",
        r"unable to open database file",
    ),
    Sign(
        private_index.refused,
        *private_index.NPM,
        *private_index.BUNDLER,
        *private_index.PYTHON,
        *private_index.GIT,
    ),
    Sign(remedies.django_key, r"The SECRET_KEY setting must not be empty"),
    Sign(remedies.rails_key, r"RAILS_MASTER_KEY", r"MissingKeyError"),
    Sign(
        remedies.setting,
        r"Missing `secret_key_base` for",
        r"secret_key_base.*(?:must be a type of String|must not be empty|can't be blank)",
        rf"KeyError: ['\"]({SETTING})['\"]",
        rf"key not found: \"({SETTING})\"",
        rf"Set the ({SETTING}) environment variable",
        rf"\b({SETTING}) not found\. Declare it as envvar",
        rf"Environment variable not found: ({SETTING})",
        rf"[Rr]equired (?:key|environment variable) ['\"]?({SETTING})",
        rf"Could not resolve placeholder '({SETTING})'",
        rf"[Mm]issing (?:required )?(?:environment|env) var(?:iable)?s?:? ['\"`]?({SETTING})",
        rf"line \d+: ({SETTING}): (?:unbound variable|parameter)",
        rf"\b({SETTING})['\"`]? (?:environment variable )?(?:is not set|must be set)",
        rf"\b({SETTING})['\"`]? environment variable is (?:required|missing|undefined)",
        rf"\b({NAMED})['\"`]? is (?:required|missing|undefined)",
        rf"[Ee]nvironment variable ['\"`]?({SETTING})['\"`]? (?:is )?(?:not set|missing|required)",
    ),
    Sign(
        remedies.library,
        rf"({LIBRARY}): cannot open shared object file",
        r"Could not open library '([^']+)'",
    ),
    Sign(remedies.glibc, r"version [`'](GLIBC(?:XX)?_[\d.]+)' not found"),
    Sign(
        remedies.headers,
        r"fatal error: ([\w./+-]+\.h): No such file",
        r"can't find header files for (ruby)",
        r"(pg_config|mysql_config) (?:executable )?not found",
        r"You have to install development tools first",
        r"error: command '(\S*(?:gcc|cc|g\+\+))' failed: No such file",
    ),
    Sign(
        remedies.interpreter,
        r"Your Ruby version is \S+, but your Gemfile specified",
        r"requires Ruby version .+ The current ruby version is",
        r"requires a different Python",
        r"Python version \S+ is not supported by the project",
        r"No interpreter found for Python",
        r"The engine \"node\" is incompatible",
        r"Not compatible with your version of node",
        r"(?:ERR!|error) code EBADENGINE",
        r"Node\.js version .+ is required",
        r"go\.mod requires go >= ",
        r"note: module requires Go ",
        r"invalid go version ",
        r"UnsupportedClassVersionError",
        r"(?:release|target release:?|target:) (?:version )?\d+ not supported",
    ),
    Sign(
        remedies.program,
        r"exec: ([^\s:]+): (?:cannot execute: )?(?:not found|No such file)",
        r"line \d+: ([^\s:]+): command not found",
        r"line \d+: ([^\s:]+): No such file or directory",
        r"env: [\u2018'\"]?([^\u2019'\":]+)[\u2019'\"]?: No such file",
        r"[Bb]undler: command not found: (\S+)",
    ),
    Sign(
        remedies.dependency,
        r"ModuleNotFoundError: No module named '([^']+)'",
        r"Cannot find (?:module|package) '([^']+)'",
        r"cannot load such file -- (\S+)",
        r"Could not find (\S+) in (?:locally installed gems|any of the sources|cached gems)",
        r"Could not find gem '([^']+)'",
        r"Unable to access jarfile (\S+)",
        r"Could not find or load main class (\S+)",
    ),
    Sign(remedies.port_taken, r"EADDRINUSE", r"[Aa]ddress already in use"),
    Sign(
        remedies.no_port,
        r"listen EACCES",
        r"Permission denied - bind",
        r"bind: permission denied",
        r"Can't connect to \('[\d.]*', \d{1,3}\)",
    ),
    Sign(
        remedies.unreachable,
        r"connection to server at (.+?) failed",
        r"connect ECONNREFUSED (\S+)",
        r"dial tcp (\S+): connect: ",
        r"getaddrinfo (?:ENOTFOUND|EAI_AGAIN) (\S+)",
        r"could not translate host name (\S+) to address",
        r"Connection to (\S+) refused",
        r"Connection refused - connect\(2\) for (.+?)(?: \(|$)",
        r"Error \d+ connecting to (\S+?)\.? ",
        r"Can't connect to (?:local )?(?:MySQL )?server (?:through socket|on) '([^']+)'",
        last=True,
    ),
    Sign(private_index.refused, *private_index.WARNED, warned=True),
)
