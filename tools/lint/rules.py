"""The rules of the lint: what is banned, where, and what to write instead.

A rule is a pattern over lines of code, with comments and the insides of string literals blanked.
Exceptions stand with their reasons in exceptions.toml.
"""

import re
from dataclasses import dataclass

# Folders that packets pass through: no hidden allocation, no hidden sharing.
DATA_PATH = ("buffer", "capture", "filter", "interface", "output", "protocol", "state", "storage")

CODE = (".cc", ".h", ".c")
HEADERS = (".h",)


@dataclass(frozen=True)
class Rule:
    name: str
    pattern: re.Pattern
    message: str
    under: tuple[str, ...]  # path prefixes
    suffixes: tuple[str, ...] = CODE
    raw: bool = False  # match the line as written, not the blanked one (for #include)

    def applies_to(self, path: str) -> bool:
        return path.endswith(self.suffixes) and path.startswith(self.under)


def rule(name: str, pattern: str, message: str, under, suffixes=CODE, raw=False) -> Rule:
    return Rule(name, re.compile(pattern), message, tuple(under), tuple(suffixes), raw)


ALL_CODE = ("src/", "tests/", "tools/", "fuzz/", "bench/")
DATA_PATH_FOLDERS = tuple(f"src/{module}/" for module in DATA_PATH)

RULES = [
    rule(
        "os-clock",
        r"\b(clock_gettime|gettimeofday|timespec_get|ftime)\s*\(|_clock::now\b"
        r"|(?<![\w.>])(std::|::)?time\s*\(\s*(nullptr|NULL|0|&\w+)\s*\)",
        "reads the system's clock (take a weir::Clock& and ask it)",
        ("src/", "tests/", "tools/", "fuzz/"),
    ),
    rule(
        "random",
        r"(?<![\w.>:])(std::|::)?(s?rand|rand_r|srandom|[dlm]rand48)\s*\("
        r"|(?<![\w.>:])(::)?random\s*\(\s*\)"
        r"|\bstd::(random_device|mt19937\w*|default_random_engine|minstd_rand0?)\b",
        "unseeded or library-dependent randomness (take a weir::Prng with a seed that is printed)",
        ALL_CODE,
    ),
    rule(
        "sleep",
        r"(?<![\w.>])(std::this_thread::|::)?"
        r"(sleep|usleep|nanosleep|clock_nanosleep|sleep_for|sleep_until)\s*\(",
        "sleeps (wait for the event itself: poll with a timeout, an eventfd, readiness)",
        ("src/", "tests/", "tools/", "fuzz/"),
    ),
    rule(
        "sleep",
        r"\btime\.sleep\s*\(",
        "sleeps (start on readiness: --ready-fd, a line on stderr, a closed pipe)",
        ("tests/",),
        (".py",),
    ),
    rule(
        "sleep",
        r"^\s*sleep\s+[\d.$]",
        "sleeps (start on readiness: --ready-fd, a line on stderr, a closed pipe)",
        ("tests/",),
        (".sh",),
    ),
    rule(
        "data-path-type",
        r"\bstd::(shared_ptr|weak_ptr|make_shared|enable_shared_from_this)\b",
        "shared ownership in a data-path module (one owner, which lends references)",
        DATA_PATH_FOLDERS,
    ),
    rule(
        "data-path-type",
        r"\bstd::(move_only_)?function\b",
        "std::function in a data-path module (a template parameter, or a small interface)",
        DATA_PATH_FOLDERS,
    ),
    rule(
        "data-path-type",
        r"\bstd::unordered_(multi)?(map|set)\b",
        "node-based hash table in a data-path module (a flat table or a sorted vector)",
        DATA_PATH_FOLDERS,
    ),
    rule(
        "volatile",
        r"\bvolatile\b",
        "volatile is no synchronisation (std::atomic, or telemetry::Counter)",
        ("src/", "tests/", "tools/", "fuzz/"),
    ),
    rule(
        "reinterpret-cast",
        r"\breinterpret_cast\b",
        "reinterpret_cast (load and store through base/bytes.h, or list the file with its reason "
        "in tools/lint/exceptions.toml)",
        ("src/",),
    ),
    rule(
        "using-namespace",
        r"\busing\s+namespace\b",
        "using namespace in a header (name what you use)",
        ALL_CODE,
        HEADERS,
    ),
    rule(
        "anonymous-namespace",
        r"\bnamespace\s*\{",
        "anonymous namespace in a header: a copy in every file (a named one, or the .cc file)",
        ALL_CODE,
        HEADERS,
    ),
    rule(
        "system-header",
        r"^\s*#\s*include\s*<(linux/|pcap|openssl/|curl/|bpf/|xdp/|liburing|zstd|zlib)",
        "system header with macros in a header of src (keep it in the .cc, behind a small class)",
        ("src/",),
        HEADERS,
        raw=True,
    ),
    rule(
        "heavy-header",
        r"^\s*#\s*include\s*<(CLI/|toml\+\+/|toml\.hpp|nlohmann/|spdlog/|httplib\.h|sqlite3\.h)",
        "heavy header outside its one to three files (use what those files offer, or list the file "
        "in tools/lint/exceptions.toml)",
        ("src/",),
        raw=True,
    ),
    rule(
        "heavy-header",
        r"^\s*#\s*include\s*<tl/expected",
        "tl::expected by its own name (include base/result.h and write weir::Result)",
        ALL_CODE,
        raw=True,
    ),
    rule(
        "test-skip",
        r"\bGTEST_SKIP\b"
        r"|\b(TEST|TEST_F|TEST_P|TYPED_TEST)\s*\(\s*(DISABLED_|\w+\s*,\s*DISABLED_)",
        "a test that does not run (only the WEIR_SKIP_ macros of tests/support/ skip)",
        ("tests/",),
    ),
    rule(
        "test-switch",
        r"\bif\s*(constexpr\s*)?\(\s*!?\s*[\w.:>()-]*\b(is_|in_)?test(ing|_mode)\w*",
        "production code that knows it is being tested (an interface with a second implementation)",
        ("src/",),
    ),
]

# A heavy library stays in few files: at most this many under [heavy-header].
HEAVY_FILES_MAX = 3
