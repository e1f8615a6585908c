//! Patches that the reference was given, one after the other in one folder, and what it answered.

use crate::{DiskFiles, WriteScope, apply, parse, plan};
use codex_base::AbsPath;
use pretty_assertions::assert_eq;
use std::fs;

/// A folder for one sequence of patches; `$W` in inputs and answers stands for it.
struct Folder {
    _home: tempfile::TempDir,
    path: AbsPath,
}

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let path = AbsPath::new(home.path().canonicalize().unwrap()).unwrap();
        for (name, contents) in files {
            fs::write(path.join(name), contents).unwrap();
        }
        Self { _home: home, path }
    }

    fn answer(&self, input: &str) -> String {
        let scope = WriteScope::Roots {
            writable: vec![self.path.clone()],
            protected: Vec::new(),
        };
        let planned = parse(&input.replace("$W", &self.path.to_string())).and_then(|patch| plan(&patch, &self.path, &DiskFiles));
        let answer = match planned {
            Ok(plan) => {
                apply(&plan, &scope).unwrap();
                plan.summary()
            }
            Err(error) => error.to_model(),
        };
        answer.replace(&self.path.to_string(), "$W")
    }

    fn check(&self, input: &str, answer: &str) {
        assert_eq!(self.answer(input), answer, "{input}");
    }

    /// Success, listing `files`.
    fn check_done(&self, input: &str, files: &str) {
        self.check(input, &format!("Success. Updated the following files:\n{files}\n"));
    }

    fn check_refused(&self, input: &str, why: &str) {
        self.check(input, &format!("apply_patch verification failed: {why}"));
    }

    fn contents(&self) -> Vec<(String, String)> {
        let files = fs::read_dir(&self.path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file());
        let name = |path: &std::path::Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut all: Vec<_> = files.map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect();
        all.sort();
        all
    }
}

#[test]
fn a_first_sequence_is_answered_as_observed() {
    let folder = Folder::new(&[]);

    folder.check_done("*** Begin Patch\n*** Add File: a/z.txt\n+hi\n+there\n*** End Patch\n", "A a/z.txt");
    folder.check_done(
        "*** Begin Patch\n*** Update File: a/z.txt\n*** Move to: b/y.txt\n@@\n-hi\n+HI\n there\n*** End Patch\n",
        "M b/y.txt",
    );
    folder.check_refused(
        "*** Begin Patch\n*** Update File: b/y.txt\n@@\n-nomatch\n+x\n*** End Patch\n",
        "Failed to find expected lines in $W/b/y.txt:\nnomatch",
    );
    folder.check_refused(
        "*** Begin Patch\n*** Update File: nofile.txt\n@@\n-nomatch\n+x\n*** End Patch\n",
        "Failed to read file to update $W/nofile.txt: No such file or directory (os error 2)",
    );
    folder.check_refused("garbage", "invalid patch: The first line of the patch must be '*** Begin Patch'");
    folder.check_refused(
        "*** Begin Patch\n*** Frobnicate: x\n*** End Patch",
        "invalid hunk at line 2, '*** Frobnicate: x' is not a valid hunk header. Valid hunk headers: '*** Add File: {path}', '*** Delete File: \
         {path}', '*** Update File: {path}'",
    );
    folder.check_done("*** Begin Patch\n*** Delete File: b/y.txt\n*** End Patch", "D b/y.txt");
    folder.check_refused(
        "*** Begin Patch\n*** Delete File: b/y.txt\n*** End Patch",
        "Failed to read $W/b/y.txt: No such file or directory (os error 2)",
    );
    fs::write(folder.path.join("f.txt"), "a\nb\nc\n").unwrap();
    folder.check_refused(
        "*** Begin Patch\n*** Update File: f.txt\n@@\n b\n+bb\n*** Add File: g.txt\n+g\n*** Update File: f.txt\n@@\n-c\n+C\n*** End of File\n*** End \
         Patch",
        "invalid patch: multiple operations target $W/f.txt",
    );
    folder.check_refused(
        "*** Begin Patch\n*** Update File: f.txt\n*** End Patch",
        "invalid hunk at line 2, Update file hunk for path 'f.txt' is empty",
    );
    folder.check("*** Begin Patch\n*** End Patch", "patch rejected: empty patch");
    folder.check_done("*** Begin Patch\n*** Add File: f.txt\n+over\n*** End Patch", "A f.txt");
    assert_eq!(folder.contents(), [("f.txt".to_owned(), "over\n".to_owned())]);
}

#[test]
fn a_sequence_about_matching_is_answered_as_observed() {
    let folder = Folder::new(&[
        ("crlf.txt", "a\r\nb\r\nc\r\n"),
        ("nonl.txt", "x\ny"),
        ("ws.txt", "one  \ntwo\nthree\n"),
        ("uni.txt", "say \u{201C}hi\u{201D} \u{2013} ok\n"),
        ("ctx.txt", "fn a\n  x\nfn b\n  x\nfn c\n  x\n"),
        ("dup.txt", "l1\nl2\nl1\nl2\n"),
        ("src.txt", "src\n"),
        ("tgt.txt", "tgt\n"),
    ]);
    fs::create_dir(folder.path.join("d")).unwrap();
    let update = |name: &str, body: &str| format!("*** Begin Patch\n*** Update File: {name}\n{body}\n*** End Patch\n");

    folder.check_done(&update("crlf.txt", "@@\n a\n-b\n+B\n+B2\n c"), "M crlf.txt");
    folder.check_done(&update("nonl.txt", "@@\n x\n-y\n+Y"), "M nonl.txt");
    folder.check_done(&update("ws.txt", "@@\n one\n-two\n+TWO\n three"), "M ws.txt");
    folder.check_done(&update("uni.txt", "@@\n-say \"hi\" - ok\n+said"), "M uni.txt");
    folder.check_done(&update("ctx.txt", "@@ fn b\n-  x\n+  y\n@@ fn c\n-  x\n+  z"), "M ctx.txt");
    folder.check_done(&update("dup.txt", "@@\n-l1\n-l2\n+L1\n+L2\n*** End of File"), "M dup.txt");
    folder.check_done(&update("dup.txt", "@@\n+added"), "M dup.txt");
    folder.check_refused(
        &update("ctx.txt", "@@ fn zzz\n-  x\n+  y"),
        "Failed to find context 'fn zzz' in $W/ctx.txt",
    );
    folder.check_done("*** Begin Patch\n*** Add File: empty.txt\n*** End Patch\n", "A empty.txt");
    folder.check_done(&update("src.txt", "*** Move to: tgt.txt\n@@\n-src\n+moved"), "M tgt.txt");
    folder.check_refused(
        "*** Begin Patch\n*** Update File: nonl.txt\n*** Move to: renamed.txt\n*** End Patch\n",
        "invalid hunk at line 2, Update file hunk for path 'nonl.txt' is empty",
    );
    folder.check_refused(
        "*** Begin Patch\n*** Delete File: d\n*** End Patch\n",
        "Failed to read $W/d: path `$W/d` is not a file",
    );
    folder.check_done("*** Begin Patch\n*** Add File: $W/abs.txt\n+x\n*** End Patch\n", "A $W/abs.txt");
    folder.check_done(
        "<<'EOF'\n*** Begin Patch\n*** Add File: hd.txt\n+x\n*** End Patch\nEOF\n",
        "A hd.txt",
    );
    folder.check_done("  *** Begin Patch\n*** Add File: in.txt\n+x\n  *** End Patch  \n", "A in.txt");
    folder.check_refused(
        "*** Begin Patch\n*** Add File: ne.txt\n+x\n",
        "invalid patch: The last line of the patch must be '*** End Patch'",
    );
    folder.check_refused(
        &update("ctx.txt", "@@\nbad line"),
        "invalid hunk at line 4, Unexpected line found in update hunk: 'bad line'. Every line should start with ' ' (context line), '+' (added \
         line), or '-' (removed line)",
    );
    folder.check_done(&update("ctx.txt", " fn a\n-  x\n+  q"), "M ctx.txt");
    folder.check_done("*** Begin Patch\n*** Add File: tr.txt   \n+x\n*** End Patch\n", "A tr.txt");
    folder.check_refused(
        "*** Begin Patch\n*** Add File: p1.txt\n+x\n*** Update File: missing.txt\n@@\n-a\n+b\n*** End Patch\n",
        "Failed to read file to update $W/missing.txt: No such file or directory (os error 2)",
    );
    folder.check_refused(
        &update("p2.txt", "@@\n-a"),
        "Failed to read file to update $W/p2.txt: No such file or directory (os error 2)",
    );
    folder.check(
        "*** Begin Patch\n*** Environment ID: local\n*** Add File: env.txt\n+x\n*** End Patch\n",
        "apply_patch environment selection is unavailable for this turn",
    );
    folder.check_refused("", "invalid patch: The last line of the patch must be '*** End Patch'");

    let expect = [
        ("abs.txt", "x\n"),
        ("crlf.txt", "a\r\nB\r\nB2\r\nc\r\n"),
        ("ctx.txt", "fn a\n  q\nfn b\n  y\nfn c\n  z\n"),
        ("dup.txt", "l1\nl2\nL1\nL2\nadded\n"),
        ("empty.txt", ""),
        ("hd.txt", "x\n"),
        ("in.txt", "x\n"),
        ("nonl.txt", "x\nY\n"),
        ("tgt.txt", "moved\n"),
        ("tr.txt", "x\n"),
        ("uni.txt", "said\n"),
        ("ws.txt", "one  \nTWO\nthree\n"),
    ];
    assert_eq!(
        folder.contents(),
        expect.map(|(name, contents)| (name.to_owned(), contents.to_owned()))
    );
}
