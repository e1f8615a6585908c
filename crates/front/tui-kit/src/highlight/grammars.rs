//! The languages, as data.

/// How a language is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Code,
    /// Words are mostly names of programs; `#` begins a comment only at the start of a word.
    Shell,
    /// `key = value` or `key: value`, in sections.
    Settings,
    Markup,
    Diff,
}

/// A kind of text literal.
#[derive(Debug, PartialEq, Eq)]
pub struct Text {
    pub open: &'static str,
    pub close: &'static str,
    /// A backslash takes the meaning from the next character.
    pub escapes: bool,
    /// It may go over several lines.
    pub lines: bool,
}

#[derive(Debug)]
pub struct Grammar {
    /// Names behind fences, endings of files and names of files, in lower case.
    pub names: &'static str,
    pub form: Form,
    pub line_comments: &'static str,
    pub block_comments: &'static [(&'static str, &'static str)],
    pub nested_comments: bool,
    /// The longest first.
    pub texts: &'static [Text],
    /// One or two letters before a text belong to it.
    pub text_prefixes: bool,
    pub keywords: &'static str,
    pub types: &'static str,
    pub constants: &'static str,
    /// Keywords count in upper and lower case.
    pub any_case: bool,
    /// A word with a capital letter is a type.
    pub upper_types: bool,
    /// What stands before a colon is a key.
    pub keys: bool,
    pub lifetimes: bool,
    /// `#[...]`
    pub attributes: bool,
    /// `#include`
    pub preprocessor: bool,
    /// Which of `$` and `@` begin a name.
    pub sigils: &'static str,
    /// Characters of words beside letters, digits and `_`.
    pub word_characters: &'static str,
}

const fn text(open: &'static str, close: &'static str, escapes: bool, lines: bool) -> Text {
    Text {
        open,
        close,
        escapes,
        lines,
    }
}

const QUOTES: &[Text] = &[text("\"", "\"", true, false), text("'", "'", true, false)];
const DOUBLE: &[Text] = &[text("\"", "\"", true, false)];
const SLASHES: &[(&str, &str)] = &[("/*", "*/")];

const PLAIN: Grammar = Grammar {
    names: "",
    form: Form::Code,
    line_comments: "",
    block_comments: &[],
    nested_comments: false,
    texts: QUOTES,
    text_prefixes: false,
    keywords: "",
    types: "",
    constants: "true false null",
    any_case: false,
    upper_types: true,
    keys: false,
    lifetimes: false,
    attributes: false,
    preprocessor: false,
    sigils: "",
    word_characters: "",
};

/// Languages whose comments are those of C.
const CURLY: Grammar = Grammar {
    line_comments: "//",
    block_comments: SLASHES,
    ..PLAIN
};

const C_KEYWORDS: &str = "alignas alignof asm auto break case const constexpr continue default do else enum extern for goto if inline register restrict return sizeof static \
    struct switch typedef typeof union volatile while catch class concept const_cast consteval constinit co_await co_return co_yield decltype delete dynamic_cast explicit \
    export friend mutable namespace new noexcept operator private protected public reinterpret_cast requires static_assert static_cast template this throw try typeid \
    typename using virtual final override";
const C_TYPES: &str = "bool char char8_t char16_t char32_t double float int int8_t int16_t int32_t int64_t long ptrdiff_t short signed size_t ssize_t uint8_t uint16_t uint32_t \
    uint64_t uintptr_t unsigned void wchar_t";

const JAVASCRIPT: &str = "as async await break case catch class const continue debugger default delete do else export extends finally for from function get if import in \
    instanceof let new of return set static super switch this throw try typeof var void while with yield";

pub const GRAMMARS: &[Grammar] = &[
    Grammar {
        names: "rust rs",
        texts: &[
            text("r##\"", "\"##", false, true),
            text("r#\"", "\"#", false, true),
            text("r\"", "\"", false, true),
            text("\"", "\"", true, true),
        ],
        text_prefixes: true,
        nested_comments: true,
        keywords: "as async await break const continue crate dyn else enum extern fn for gen if impl in let loop macro_rules match mod move mut pub ref return self static \
            struct super trait type union unsafe use where while yield",
        types: "bool char f32 f64 i8 i16 i32 i64 i128 isize str u8 u16 u32 u64 u128 usize Self",
        constants: "true false None Some Ok Err",
        lifetimes: true,
        attributes: true,
        ..CURLY
    },
    Grammar {
        names: "python py pyi py3 python3 starlark bzl bazel build build.bazel workspace gyp rules",
        line_comments: "#",
        texts: &[
            text("\"\"\"", "\"\"\"", true, true),
            text("'''", "'''", true, true),
            text("\"", "\"", true, false),
            text("'", "'", true, false),
        ],
        text_prefixes: true,
        keywords: "and as assert async await break case class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass \
            raise return try while with yield",
        types: "bool bytes dict float frozenset int list object set str tuple type",
        constants: "True False None self cls",
        sigils: "@",
        ..PLAIN
    },
    Grammar {
        names: "javascript js mjs cjs jsx node",
        texts: &[
            text("`", "`", true, true),
            text("\"", "\"", true, false),
            text("'", "'", true, false),
        ],
        keywords: JAVASCRIPT,
        constants: "true false null undefined NaN Infinity",
        sigils: "@",
        word_characters: "$",
        ..CURLY
    },
    Grammar {
        names: "typescript ts mts cts tsx",
        texts: &[
            text("`", "`", true, true),
            text("\"", "\"", true, false),
            text("'", "'", true, false),
        ],
        keywords: "as async await break case catch class const continue debugger declare default delete do else enum export extends finally for from function get if \
            implements import in infer instanceof interface is keyof let module namespace new of private protected public readonly return satisfies set static super \
            switch this throw try type typeof var void while with yield abstract override asserts",
        types: "any bigint boolean never number object string symbol unknown",
        constants: "true false null undefined NaN Infinity",
        sigils: "@",
        word_characters: "$",
        ..CURLY
    },
    Grammar {
        names: "json jsonc json5 jsonl ndjson geojson webmanifest",
        keys: true,
        upper_types: false,
        ..CURLY
    },
    Grammar {
        names: "go golang",
        texts: &[
            text("`", "`", false, true),
            text("\"", "\"", true, false),
            text("'", "'", true, false),
        ],
        keywords: "break case chan const continue default defer else fallthrough for func go goto if import interface map package range return select struct switch type var",
        types: "any bool byte comparable complex64 complex128 error float32 float64 int int8 int16 int32 int64 rune string uint uint8 uint16 uint32 uint64 uintptr",
        constants: "true false nil iota",
        ..CURLY
    },
    Grammar {
        names: "c h cpp c++ cc cxx hpp hh hxx cuda cu objective-c objc m mm arduino ino",
        keywords: C_KEYWORDS,
        types: C_TYPES,
        constants: "true false NULL nullptr",
        preprocessor: true,
        text_prefixes: true,
        ..CURLY
    },
    Grammar {
        names: "java groovy gradle jenkinsfile",
        texts: &[
            text("\"\"\"", "\"\"\"", true, true),
            text("\"", "\"", true, false),
            text("'", "'", true, false),
        ],
        keywords: "abstract assert break case catch class continue def default do else enum extends final finally for goto if implements import in instanceof interface \
            native new non-sealed package permits private protected public record return sealed static strictfp super switch synchronized this throw throws transient try \
            var volatile while yield",
        types: "boolean byte char double float int long short void",
        sigils: "@",
        ..CURLY
    },
    Grammar {
        names: "kotlin kt kts",
        texts: &[
            text("\"\"\"", "\"\"\"", false, true),
            text("\"", "\"", true, false),
            text("'", "'", true, false),
        ],
        keywords: "abstract actual annotation as break by catch class companion const constructor continue crossinline data do else enum expect external final finally for \
            fun get if import in infix init inline inner interface internal is lateinit noinline object open operator out override package private protected public reified \
            return sealed set super suspend tailrec this throw try typealias val var vararg when where while",
        nested_comments: true,
        sigils: "@",
        ..CURLY
    },
    Grammar {
        names: "csharp cs c# csx",
        texts: &[
            text("\"\"\"", "\"\"\"", false, true),
            text("@\"", "\"", false, true),
            text("\"", "\"", true, false),
            text("'", "'", true, false),
        ],
        keywords: "abstract as async await base break case catch checked class const continue default delegate do else enum event explicit extern finally fixed for foreach \
            get goto if implicit in init interface internal is lock namespace new operator out override params partial private protected public readonly record ref required \
            return sealed set sizeof stackalloc static struct switch this throw try typeof unchecked unsafe using value var virtual volatile when where while with yield",
        types: "bool byte char decimal double dynamic float int long nint nuint object sbyte short string uint ulong ushort void",
        preprocessor: true,
        ..CURLY
    },
    Grammar {
        names: "swift",
        texts: &[text("\"\"\"", "\"\"\"", true, true), text("\"", "\"", true, false)],
        keywords: "actor as associatedtype async await break case catch class continue convenience default defer deinit do dynamic else enum extension fallthrough fileprivate \
            final for func get guard if import in indirect infix init inout internal is lazy let mutating nonisolated open operator optional override postfix prefix private \
            protocol public repeat required rethrows return self set some static struct subscript super switch throw throws try typealias unowned var weak where while",
        constants: "true false nil",
        nested_comments: true,
        sigils: "@",
        ..CURLY
    },
    Grammar {
        names: "php",
        line_comments: "// #",
        keywords: "abstract and array as break callable case catch class clone const continue declare default do echo else elseif empty enddeclare endfor endforeach endif \
            endswitch endwhile enum extends final finally fn for foreach function global goto if implements include include_once instanceof insteadof interface isset list \
            match namespace new or print private protected public readonly require require_once return static switch throw trait try unset use var while xor yield",
        types: "bool float int mixed never object string void",
        constants: "true false null TRUE FALSE NULL",
        sigils: "$",
        attributes: true,
        ..CURLY
    },
    Grammar {
        names: "ruby rb rake gemfile rakefile podfile gemspec",
        line_comments: "#",
        block_comments: &[("=begin", "=end")],
        keywords: "alias and begin break case class def defined? do else elsif end ensure for if in module next not or redo rescue retry return self super then undef unless \
            until when while yield attr_accessor attr_reader attr_writer include extend require require_relative private protected public raise",
        constants: "true false nil",
        sigils: "@$",
        word_characters: "?",
        ..PLAIN
    },
    Grammar {
        names: "scala sc sbt",
        texts: &[text("\"\"\"", "\"\"\"", false, true), text("\"", "\"", true, false)],
        text_prefixes: true,
        keywords: "abstract case catch class def derives do else end enum export extends extension final finally for given if implicit import inline lazy match new object \
            opaque open override package private protected return sealed super then this throw trait transparent try type using val var while with yield",
        nested_comments: true,
        sigils: "@",
        ..CURLY
    },
    Grammar {
        names: "dart",
        keywords: "abstract as assert async await base break case catch class const continue covariant default deferred do dynamic else enum export extends extension external \
            factory final finally for get if implements import in interface is late library mixin new on operator part required rethrow return sealed set show static super \
            switch sync this throw try typedef var void when while with yield",
        types: "bool double int num",
        sigils: "@",
        ..CURLY
    },
    Grammar {
        names: "zig zon",
        line_comments: "//",
        keywords: "addrspace align and anytype asm async await break callconv catch comptime const continue defer else enum errdefer error export extern fn for if inline \
            linksection noalias nosuspend opaque or orelse packed pub resume return struct suspend switch test threadlocal try union unreachable usingnamespace var volatile while",
        types: "anyerror bool comptime_float comptime_int f16 f32 f64 f128 i8 i16 i32 i64 i128 isize noreturn type u8 u16 u32 u64 u128 usize void",
        constants: "true false null undefined",
        sigils: "@",
        ..PLAIN
    },
    Grammar {
        names: "sql mysql postgres postgresql sqlite plsql psql",
        line_comments: "--",
        block_comments: SLASHES,
        keywords: "add after all alter analyze and as asc before begin between by cascade case check collate column commit conflict constraint create cross current database \
            default delete desc distinct do drop each else end except exists explain foreign from full function grant group having if ignore in index inner insert intersect \
            into is join key left like limit natural not nothing of offset on or order outer over partition primary procedure references replace returning revoke right \
            rollback row select set table temporary then to transaction trigger truncate union unique update using vacuum values view when where window with",
        types: "bigint blob boolean bytea char date decimal double float int integer json jsonb numeric real serial smallint text time timestamp timestamptz uuid varchar",
        constants: "true false null",
        any_case: true,
        upper_types: false,
        texts: &[text("'", "'", false, true), text("\"", "\"", false, false)],
        ..PLAIN
    },
    Grammar {
        names: "bash sh shell zsh ksh console shell-session shellsession terminal fish bashrc zshrc profile",
        form: Form::Shell,
        line_comments: "#",
        texts: &[text("\"", "\"", true, true), text("'", "'", false, true)],
        keywords: "alias break case cd continue do done echo elif else esac eval exec exit export fi for function if in local printf read readonly return select set shift \
            source test then time trap unset until while",
        constants: "true false",
        sigils: "$",
        word_characters: "-./",
        ..PLAIN
    },
    Grammar {
        names: "powershell ps1 pwsh psm1",
        form: Form::Code,
        line_comments: "#",
        block_comments: &[("<#", "#>")],
        texts: &[text("\"", "\"", false, false), text("'", "'", false, false)],
        keywords: "begin break catch class continue data do dynamicparam else elseif end exit filter finally for foreach from function if in param process return switch throw \
            trap try until using while",
        any_case: true,
        upper_types: false,
        sigils: "$",
        word_characters: "-",
        ..PLAIN
    },
    Grammar {
        names: "dockerfile docker containerfile",
        form: Form::Shell,
        line_comments: "#",
        keywords: "FROM AS RUN CMD LABEL MAINTAINER EXPOSE ENV ADD COPY ENTRYPOINT VOLUME USER WORKDIR ARG ONBUILD STOPSIGNAL HEALTHCHECK SHELL",
        sigils: "$",
        word_characters: "-./",
        ..PLAIN
    },
    Grammar {
        names: "makefile make mk gnumakefile justfile just",
        form: Form::Settings,
        line_comments: "#",
        keywords: "define else endef endif export ifdef ifeq ifndef ifneq include override unexport vpath",
        sigils: "$@",
        ..PLAIN
    },
    Grammar {
        names: "toml cargo.lock pipfile poetry.lock",
        form: Form::Settings,
        line_comments: "#",
        texts: &[
            text("\"\"\"", "\"\"\"", true, true),
            text("'''", "'''", false, true),
            text("\"", "\"", true, false),
            text("'", "'", false, false),
        ],
        ..PLAIN
    },
    Grammar {
        names: "yaml yml",
        form: Form::Settings,
        line_comments: "#",
        constants: "true false null yes no on off",
        ..PLAIN
    },
    Grammar {
        names: "ini cfg conf config properties env dotenv gitconfig editorconfig desktop service systemd",
        form: Form::Settings,
        line_comments: "# ;",
        ..PLAIN
    },
    Grammar {
        names: "hcl terraform tf tfvars nomad",
        line_comments: "# //",
        block_comments: SLASHES,
        keywords: "data for_each if in locals module moved output provider resource terraform variable",
        types: "any bool list map number object set string tuple",
        ..PLAIN
    },
    Grammar {
        names: "nix",
        line_comments: "#",
        block_comments: SLASHES,
        texts: &[text("''", "''", false, true), text("\"", "\"", true, true)],
        keywords: "assert else if import in inherit let or rec then with",
        upper_types: false,
        word_characters: "-'",
        ..PLAIN
    },
    Grammar {
        names: "css scss sass less",
        line_comments: "//",
        block_comments: SLASHES,
        keywords: "important not and or only from to",
        keys: true,
        upper_types: false,
        sigils: "$@",
        word_characters: "-",
        ..PLAIN
    },
    Grammar {
        names: "html htm xhtml xml svg xsl xslt plist vue svelte astro rss csproj xaml pom",
        form: Form::Markup,
        texts: &[text("\"", "\"", false, true), text("'", "'", false, true)],
        ..PLAIN
    },
    Grammar {
        names: "diff patch udiff",
        form: Form::Diff,
        ..PLAIN
    },
    Grammar {
        names: "lua luau",
        line_comments: "--",
        block_comments: &[("--[[", "]]")],
        texts: &[
            text("[[", "]]", false, true),
            text("\"", "\"", true, false),
            text("'", "'", true, false),
        ],
        keywords: "and break do else elseif end for function goto if in local not or repeat return then until while",
        constants: "true false nil self",
        ..PLAIN
    },
    Grammar {
        names: "perl pl pm",
        line_comments: "#",
        keywords: "and cmp die do else elsif eq foreach for ge gt if last le local lt my ne next no not or our package print qw redo require return say sub undef unless until \
            use wantarray while",
        sigils: "$@",
        ..PLAIN
    },
    Grammar {
        names: "r rscript",
        line_comments: "#",
        keywords: "break else for function if in next repeat return while library require",
        constants: "TRUE FALSE NULL NA Inf NaN",
        ..PLAIN
    },
    Grammar {
        names: "julia jl",
        line_comments: "#",
        block_comments: &[("#=", "=#")],
        texts: &[text("\"\"\"", "\"\"\"", true, true), text("\"", "\"", true, false)],
        text_prefixes: true,
        keywords: "abstract baremodule begin break catch const continue do else elseif end export finally for function global if import in isa let local macro module mutable \
            primitive quote return struct try type using where while",
        constants: "true false nothing missing",
        sigils: "@",
        ..PLAIN
    },
    Grammar {
        names: "haskell hs purescript elm",
        line_comments: "--",
        block_comments: &[("{-", "-}")],
        nested_comments: true,
        texts: DOUBLE,
        keywords: "case class data default deriving do else exposing family forall foreign hiding if import in infix infixl infixr instance let module newtype of port qualified \
            then type where",
        constants: "True False Nothing Just Left Right",
        word_characters: "'",
        ..PLAIN
    },
    Grammar {
        names: "ocaml ml mli fsharp fs fsx f# reason sml",
        line_comments: "//",
        block_comments: &[("(*", "*)")],
        nested_comments: true,
        texts: DOUBLE,
        keywords: "and as assert begin class constraint do done downto else end exception external for fun function functor if in include inherit initializer lazy let match \
            member method module mutable namespace new object of open or override private rec sig static struct then to try type val virtual when while with yield",
        constants: "true false None Some",
        word_characters: "'",
        ..PLAIN
    },
    Grammar {
        names: "elixir ex exs",
        line_comments: "#",
        texts: &[
            text("\"\"\"", "\"\"\"", true, true),
            text("\"", "\"", true, false),
            text("'", "'", true, false),
        ],
        keywords: "after alias and case catch cond def defdelegate defexception defimpl defmacro defmodule defp defprotocol defstruct do else end fn for if import in not or \
            quote raise receive require rescue try unless unquote use when with",
        constants: "true false nil",
        sigils: "@",
        keys: true,
        word_characters: "?!",
        ..PLAIN
    },
    Grammar {
        names: "erlang erl hrl",
        line_comments: "%",
        keywords: "after and andalso band begin bnot bor bsl bsr bxor case catch cond div else end fun if let maybe not of or orelse receive rem try when xor",
        ..PLAIN
    },
    Grammar {
        names: "clojure clj cljs cljc edn lisp elisp el scheme scm racket rkt commonlisp",
        line_comments: ";",
        block_comments: &[("#|", "|#")],
        texts: DOUBLE,
        keywords: "and begin case cond def define defmacro defn defun do fn for if import in-ns lambda let let* letrec loop not ns or quote recur require set! setq throw try \
            use when when-not while",
        constants: "true false nil t #t #f",
        upper_types: false,
        word_characters: "-?!*<>=/",
        ..PLAIN
    },
    Grammar {
        names: "vim viml vimscript vimrc",
        line_comments: "\"",
        texts: &[text("'", "'", false, false)],
        keywords: "augroup autocmd call command else elseif endfor endfunction endif endtry endwhile execute finish for function if let map nnoremap noremap return set \
            silent source try unlet while",
        ..PLAIN
    },
    Grammar {
        names: "protobuf proto graphql gql thrift",
        line_comments: "// #",
        block_comments: SLASHES,
        keywords: "directive enum extend extends fragment implements import input interface message mutation namespace on oneof option optional package query repeated reserved \
            returns required rpc scalar schema service struct subscription syntax type typedef union",
        types: "bool bytes double float int32 int64 map string uint32 uint64 Boolean Float ID Int String",
        sigils: "$@",
        ..PLAIN
    },
    Grammar {
        names: "solidity sol wgsl glsl hlsl vert frag",
        keywords: "abstract as attribute break case const constant continue contract default discard do else emit enum event external fallback fn for function if import \
            in inherit interface internal let library loop mapping memory modifier new out override payable pragma precision private public pure receive return returns \
            revert storage struct switch uniform unchecked using var varying view virtual while",
        types: "address bool bytes bytes32 f32 float i32 int int256 mat2 mat3 mat4 string u32 uint uint256 vec2 vec3 vec4 void",
        sigils: "@",
        ..CURLY
    },
    Grammar {
        names: "nginx nginx.conf caddyfile",
        form: Form::Shell,
        line_comments: "#",
        keywords: "http server location upstream listen server_name root index proxy_pass return rewrite if set include events",
        constants: "on off",
        sigils: "$",
        ..PLAIN
    },
    Grammar {
        names: "cmake cmakelists.txt",
        line_comments: "#",
        keywords: "add_executable add_library add_subdirectory cmake_minimum_required else elseif endforeach endfunction endif endmacro endwhile find_package foreach function \
            if include install macro message option project return set target_include_directories target_link_libraries while",
        any_case: true,
        upper_types: false,
        sigils: "$",
        ..PLAIN
    },
    Grammar {
        names: "asm assembly nasm s",
        line_comments: "; # //",
        block_comments: SLASHES,
        keywords: "add and call cmp dec div global imul inc int ja jae jb jbe je jg jge jl jle jmp jne jnz jz lea leave loop mov mul neg nop not or pop push ret section shl shr \
            sub syscall test xor",
        types: "eax ebx ecx edx edi esi ebp esp rax rbx rcx rdx rdi rsi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15",
        any_case: true,
        upper_types: false,
        ..PLAIN
    },
];
