//! What programs do: a table, and how it is asked.
//!
//! A row is about a program, perhaps one of its subcommands, perhaps only with one of some flags. The
//! longest subcommand without flags is what the program does; rows with flags add to it. A program
//! without a row is unknown.

use RiskLevel::{Dangerous, Elevated, Low};

use super::effect::Effects;
use super::{Access, RiskLevel};

/// What the arguments that are no flags are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Args {
    /// Text: they name no files.
    Text,
    /// Files that are read.
    Read,
    /// A pattern or a script, then files that are read.
    ScriptThenRead,
    /// Files that are made or changed.
    Write,
    /// Files that are deleted.
    Delete,
    /// Files that are read, and where to: the last.
    Copy,
    /// Files that go away, and where to: the last.
    Move,
    /// Of a row with flags: the value of the flag is a file that is written.
    Output,
    /// Not known: what looks like a path is taken for one that is read.
    Any,
}

impl Args {
    /// What happens to the argument at `index` of `count`.
    pub(super) fn access(self, index: usize, count: usize) -> Option<Access> {
        let is_last = index + 1 == count;
        match self {
            Args::Text => None,
            Args::ScriptThenRead if index == 0 => None,
            Args::Read | Args::ScriptThenRead | Args::Any | Args::Output => Some(Access::Read),
            Args::Write => Some(Access::Write),
            Args::Delete => Some(Access::Delete),
            Args::Copy if is_last && count > 1 => Some(Access::Write),
            Args::Copy => Some(Access::Read),
            Args::Move if is_last && count > 1 => Some(Access::Write),
            Args::Move => Some(Access::Delete),
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// Programs, separated by blanks.
    programs: &'static str,
    /// The words of the subcommand. Alternatives are separated by `|`.
    subcommand: &'static str,
    /// Any of these flags; empty for what holds without.
    pub(super) flags: &'static str,
    pub(super) effects: Effects,
    pub(super) level: RiskLevel,
    pub(super) args: Args,
    /// Why it is more than low.
    pub(super) why: &'static str,
}

const fn row(
    programs: &'static str,
    subcommand: &'static str,
    flags: &'static str,
    effects: Effects,
    level: RiskLevel,
    args: Args,
    why: &'static str,
) -> Row {
    Row {
        programs,
        subcommand,
        flags,
        effects,
        level,
        args,
        why,
    }
}

const NONE: Effects = Effects::NONE;
const R: Effects = Effects::READS;
const W: Effects = Effects::WRITES;
const D: Effects = Effects::DELETES;
const N: Effects = Effects::NETWORK;
const P: Effects = Effects::PRIVILEGED;
const U: Effects = Effects::UNKNOWN;
const RW: Effects = R.and(W);
const WD: Effects = W.and(D);
const NU: Effects = N.and(U);
const NW: Effects = N.and(W);
const NP: Effects = N.and(P);
const WU: Effects = W.and(U);

const BUILDS: &str = "Runs what the project defines.";
const INSTALLS: &str = "Downloads packages and may run their scripts.";
const PUBLISHES: &str = "Publishes to others.";
const CODE: &str = "Runs code in another language, which is not read here.";
const DOWNLOADS: &str = "Reaches another machine.";
const RIGHTS: &str = "Runs with more rights than yours.";
const SYSTEM: &str = "Changes the machine, not only files of the work.";
const REMOTE: &str = "Works on another machine.";
const WRITES: &str = "Changes files.";
const DELETES: &str = "Deletes files.";
const DISCARDS: &str = "Throws away changes that may be nowhere else.";
const HISTORY: &str = "Changes the repository.";
const REWRITES: &str = "Rewrites history that others may have.";
const LATER: &str = "Changes what other programs run later.";
const RUNS: &str = "Runs a program that it is told by a flag.";
const CLOUD: &str = "Changes something outside this machine.";

#[rustfmt::skip]
const TABLE: &[Row] = &[
    // Text in, text out.
    row("echo printf true false : pwd seq expr test [ [[ (( basename dirname yes sleep factor cal tty arch nproc whoami logname users groups id uname uptime locale getconf numfmt wait jobs times local declare typeset let return break continue shift set readonly cd pushd popd dirs umask ulimit hash getopts read mapfile readarray unset exit shopt", "", "", NONE, Low, Args::Text, ""),
    row("cd pushd popd", "", "", R, Low, Args::Read, ""),
    row("test [ [[", "", "", R, Low, Args::Any, ""),
    row("printf", "", "-v", W, Elevated, Args::Text, "Sets a variable."),
    row("shopt", "", "", NONE, Elevated, Args::Text, "Changes how the shell reads what follows."),
    row("hash", "", "-p", U, Dangerous, Args::Text, LATER),
    row("mapfile readarray", "", "-C", U, Dangerous, Args::Text, RUNS),
    row("export", "", "", NONE, Low, Args::Text, ""),
    row("date", "", "", NONE, Low, Args::Text, ""),
    row("date", "", "-s --set", P, Dangerous, Args::Text, SYSTEM),
    row("hostname domainname", "", "", R, Elevated, Args::Text, "Shows or changes the name of the machine."),
    // Readers.
    row("cat tac head tail wc nl rev cut tr column fold fmt paste join comm cmp diff sdiff stat du df md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum cksum sum od hexdump hd strings file ls dir vdir readlink realpath namei look tsort base64 base32 basenc zcat bzcat xzcat zstdcat ncal lsblk lscpu free ps pgrep pidof pstree vmstat expand unexpand pr iconv tokei cloc scc eza exa lsd nm size ldd objdump readelf bat batcat exiftool identify file-roller mediainfo pdftotext xmllint csvlook csvcut csvstat getfacl lsattr sync", "", "", R, Low, Args::Read, ""),
    row("ldd", "", "", R.and(U), Elevated, Args::Read, "May run the program that it looks at."),
    row("sync", "", "", NONE, Low, Args::Text, ""),
    row("tail", "", "-f -F --follow", R, Low, Args::Read, ""),
    row("diff", "", "--to-file --from-file", R, Low, Args::Read, ""),
    row("date", "", "-f --file", R, Elevated, Args::Text, "Reads a file that it is told by a flag."),
    row("file", "", "-C --compile", W, Elevated, Args::Read, WRITES),
    row("pdftotext xmllint", "", "-o --output", W, Elevated, Args::Output, WRITES),
    row("pdftotext", "", "", RW, Elevated, Args::Any, WRITES),
    row("exiftool", "", "", RW, Elevated, Args::Any, WRITES),
    row("bat batcat", "", "--pager", U, Dangerous, Args::Read, RUNS),
    row("uniq", "", "", R, Low, Args::Copy, ""),
    row("sort", "", "", R, Low, Args::Read, ""),
    row("sort", "", "-o --output", W, Elevated, Args::Output, WRITES),
    row("sort", "", "--compress-program", U, Dangerous, Args::Read, RUNS),
    row("xxd", "", "", R, Low, Args::Copy, ""),
    row("xxd", "", "-r -revert", W, Elevated, Args::Copy, WRITES),
    row("tree", "", "", R, Low, Args::Read, ""),
    row("tree", "", "-o -R", W, Elevated, Args::Output, WRITES),
    row("grep egrep fgrep zgrep", "", "", R, Low, Args::ScriptThenRead, ""),
    row("rg ag ack ugrep", "", "", R, Low, Args::ScriptThenRead, ""),
    row("rg", "", "--pre --hostname-bin", U, Dangerous, Args::ScriptThenRead, RUNS),
    row("ag ack ugrep", "", "--pager --filter", U, Dangerous, Args::ScriptThenRead, RUNS),
    row("fd fdfind", "", "", R, Low, Args::ScriptThenRead, ""),
    row("find", "", "", R, Low, Args::Read, ""),
    row("find", "", "=-delete", D, Elevated, Args::Delete, "Deletes every file that it finds."),
    row("find", "", "=-fprint =-fprint0 =-fprintf =-fls", W, Elevated, Args::Output, WRITES),
    row("locate mlocate plocate which whereis type whatis apropos man info tldr help", "", "", R, Low, Args::Text, ""),
    row("man", "", "-P --pager -H --html", U, Dangerous, Args::Text, RUNS),
    row("less more most", "", "", R, Elevated, Args::Read, "Waits for a person at a terminal."),
    row("jq gojq", "", "", R, Low, Args::ScriptThenRead, ""),
    row("jq gojq", "", "-L --library-path -f --from-file", R, Elevated, Args::Any, "Runs a script from a file."),
    row("yq", "", "", R, Low, Args::ScriptThenRead, ""),
    row("yq", "", "-i --inplace", W, Elevated, Args::ScriptThenRead, WRITES),
    row("printenv env", "", "", R, Elevated, Args::Text, "Shows the environment, which may hold keys."),
    row("export declare typeset set", "", "-p", R, Elevated, Args::Text, "Shows the environment, which may hold keys."),
    row("history fc", "", "", R, Elevated, Args::Text, "Shows or runs earlier commands."),
    row("lsof ss netstat ip ifconfig route arp", "", "", R, Elevated, Args::Text, "Looks at the network of the machine, or changes it."),
    row("dmesg journalctl last who w", "", "", R, Elevated, Args::Text, "Reads the logs of the machine."),
    row("getent", "", "", R.and(N), Elevated, Args::Text, "Looks up users and hosts."),
    // Writers.
    row("mkdir touch", "", "", W, Low, Args::Write, ""),
    row("tee truncate split csplit install mktemp mkfifo patch ctags dos2unix unix2dos fallocate", "", "", RW, Elevated, Args::Write, WRITES),
    row("cp", "", "", RW, Elevated, Args::Copy, WRITES),
    row("mv", "", "", WD, Elevated, Args::Move, "Moves files; what is there already is lost."),
    row("ln link", "", "", RW, Elevated, Args::Copy, "Makes a link, by which other paths change their meaning."),
    row("rm unlink rmdir trash", "", "", D, Elevated, Args::Delete, DELETES),
    row("rm", "", "-r -R --recursive", D, Elevated, Args::Delete, "Deletes whole folders."),
    row("rm", "", "--no-preserve-root", D, Dangerous, Args::Delete, "May delete the whole machine."),
    row("shred srm wipe", "", "", D, Dangerous, Args::Delete, "Deletes files so that they cannot be restored."),
    row("dd", "", "", RW, Dangerous, Args::Text, "Copies raw data, over whole disks if it is told so."),
    row("chmod", "", "", W, Elevated, Args::Write, "Changes who may do what with files."),
    row("chmod", "", "-R --recursive", W, Elevated, Args::Write, "Changes who may do what with whole folders."),
    row("chown chgrp setfacl chattr setcap", "", "", W.and(P), Dangerous, Args::Write, "Changes whom files belong to."),
    row("sed", "", "", R, Low, Args::ScriptThenRead, ""),
    row("sed", "", "-i --in-place", W, Elevated, Args::Write, WRITES),
    row("sed", "", "-f --file", WU, Elevated, Args::Any, "Runs a script from a file."),
    row("awk gawk mawk nawk", "", "", R, Low, Args::ScriptThenRead, ""),
    row("awk gawk mawk nawk", "", "-f --file -i --include -l --load -E --exec", WU, Elevated, Args::Any, "Runs a script from a file."),
    row("tar bsdtar", "", "", RW, Elevated, Args::Any, "Packs or unpacks files, over those that are there."),
    row("tar bsdtar", "", "--to-command --checkpoint-action -I --use-compress-program --rsh-command -F --info-script --new-volume-script", U, Dangerous, Args::Any, RUNS),
    row("tar bsdtar", "", "-P --absolute-names", W, Dangerous, Args::Any, "Unpacks over any file of the machine."),
    row("zip gzip gunzip bzip2 bunzip2 xz unxz zstd unzstd 7z 7za lz4 ar cpio unar", "", "", WD, Elevated, Args::Write, WRITES),
    row("tar bsdtar", "", "-C --directory", W, Elevated, Args::Output, "Unpacks into another folder."),
    row("unzip", "", "-d", W, Elevated, Args::Output, "Unpacks into another folder."),
    row("unzip unrar", "", "", W, Elevated, Args::Any, "Unpacks files, over those that are there."),
    row("unzip zipinfo", "", "-l -Z -v", R, Low, Args::Read, ""),
    row("zip", "", "-T -TT --unzip-command", U, Dangerous, Args::Any, RUNS),
    row("vi vim nvim view ex emacs nano pico ed code subl", "", "", WU, Elevated, Args::Write, "An editor can change files and run programs."),
    row("vi vim nvim view ex emacs", "", "-c --cmd -S -u --eval -l --load -es", U, Dangerous, Args::Write, RUNS),
    // Rights and the machine.
    row("sudo doas su pkexec runuser gosu setpriv run0", "", "", P, Dangerous, Args::Text, RIGHTS),
    row("chroot unshare nsenter capsh firejail bwrap", "", "", P, Dangerous, Args::Text, "Runs in surroundings of its own."),
    row("passwd chpasswd useradd usermod userdel groupadd groupdel adduser deluser visudo vipw chsh chfn", "", "", P, Dangerous, Args::Text, "Changes the users of the machine."),
    row("mount umount losetup swapon swapoff cryptsetup fdisk parted sfdisk gdisk wipefs blkdiscard hdparm mkswap fsck e2fsck tune2fs resize2fs lvremove vgremove pvremove zpool zfs btrfs mkfs mkfs.ext4 mkfs.xfs mkfs.btrfs mkfs.vfat", "", "", P.and(D), Dangerous, Args::Any, "Changes disks."),
    row("systemctl service initctl rc-service launchctl loginctl", "", "", P, Dangerous, Args::Text, "Starts, stops or changes services of the machine."),
    row("systemctl", "status|is-active|is-enabled|list-units|list-unit-files|show|cat", "", R, Elevated, Args::Text, "Reads the services of the machine."),
    row("shutdown reboot halt poweroff init telinit kexec", "", "", P, Dangerous, Args::Text, "Stops the machine."),
    row("iptables ip6tables nft ufw firewall-cmd sysctl modprobe insmod rmmod setenforce update-alternatives ldconfig crontab at batch visudo hostnamectl timedatectl nmcli tc brctl", "", "", P, Dangerous, Args::Any, SYSTEM),
    row("crontab at batch", "", "", WU, Dangerous, Args::Any, "Makes something run later."),
    row("crontab", "", "=-l", R, Elevated, Args::Text, "Reads what runs later."),
    row("kill", "", "", NONE, Elevated, Args::Text, "Ends processes."),
    row("kill", "", "-l", NONE, Low, Args::Text, ""),
    row("killall pkill skill", "", "", NONE, Dangerous, Args::Text, "Ends every process of a name."),
    row("fuser", "", "", R, Low, Args::Read, ""),
    row("fuser", "", "-k --kill", NONE, Dangerous, Args::Read, "Ends processes."),
    row("apt apt-get aptitude dpkg dnf yum zypper pacman apk snap flatpak brew port nix nix-env rpm emerge winget choco scoop", "", "", NP, Dangerous, Args::Text, "Installs or removes software of the machine."),
    row("apt apt-get apt-cache dnf yum brew apk", "list|show|search|policy|info|depends|rdepends", "", R, Elevated, Args::Text, "Reads what software the machine has."),
    row("dpkg rpm", "", "-l -L -s -S -q --list --listfiles --status --search", R, Elevated, Args::Text, "Reads what software the machine has."),
    row("gpg", "", "", RW, Elevated, Args::Any, "Uses your keys."),
    row("security keyctl secret-tool pass op bw vault", "", "", R.and(N), Dangerous, Args::Text, "Reads your passwords and keys."),
    row("ssh-keygen ssh-add ssh-agent ssh-copy-id", "", "", RW, Dangerous, Args::Any, "Changes how you are known to other machines."),
    row("xdg-open open start gio xdg-mime", "", "", U, Elevated, Args::Any, "Opens something in another program."),
    row("tmux screen zellij", "", "", U, Dangerous, Args::Text, "Runs commands in another terminal."),
    row("xdotool ydotool xte osascript", "", "", U, Dangerous, Args::Text, "Acts in your other windows."),
    row("strace ltrace gdb lldb perf valgrind", "", "", R.and(U), Elevated, Args::Any, "Watches another program run."),
    row("alias unalias enable complete bind", "", "", U, Dangerous, Args::Text, LATER),
    row("alias", "", "-p", R, Low, Args::Text, ""),
    row("trap", "", "", U, Elevated, Args::Text, "Makes something run later."),
    // Runs what stands elsewhere.
    row("eval", "", "", U, Elevated, Args::Text, "Puts a command together and runs it."),
    row("source .", "", "", U, Elevated, Args::Read, "Runs a script."),
    row("exec", "", "", NONE, Elevated, Args::Text, "Puts another program in the place of the shell."),
    row("command builtin", "", "", NONE, Low, Args::Text, ""),
    row("nohup nice ionice setsid stdbuf timeout time chrt taskset xargs parallel watch entr flock script unbuffer rlwrap busybox toybox caffeinate systemd-run dbus-run-session xvfb-run faketime direnv", "", "", NONE, Low, Args::Text, ""),
    row("parallel watch entr systemd-run", "", "", U, Elevated, Args::Text, "Runs something again and again, or later."),
    row("systemd-run", "", "", P, Dangerous, Args::Text, "Runs outside of this session."),
    row("script flock", "", "", W, Elevated, Args::Text, WRITES),
    row("sh bash dash zsh ksh ash mksh fish csh tcsh pwsh powershell cmd nu elvish xonsh", "", "", U, Elevated, Args::Text, "Runs a script."),
    row("python python2 python3 pypy pypy3 node nodejs ruby perl php lua luajit Rscript R julia ghci runghc swift scala groovy jshell tclsh wish expect guile racket sbcl clojure elixir iex erl ocaml irb ipython bpython", "", "", U, Elevated, Args::Read, CODE),
    row("python python2 python3 node ruby perl php lua java javac rustc go gcc g++ clang node deno bun cargo npm", "", "=--version =-V =-v =version", R, Low, Args::Text, ""),
    row("deno bun", "", "", NU, Elevated, Args::Read, CODE),
    row("sqlite3 psql mysql mariadb mongosh mongo redis-cli cqlsh sqlcmd bq", "", "", N.and(WU), Elevated, Args::Any, "Works on a database."),
    row("dropdb mysqladmin pg_restore", "", "", NW.and(D), Dangerous, Args::Any, "Changes or deletes a database."),
    row("createdb pg_dump mysqldump", "", "", NW, Elevated, Args::Any, "Works on a database."),
    // Builds.
    row("make gmake ninja cmake meson bazel buck2 just task rake ant mvn mvnw gradle gradlew sbt stack cabal mix rebar3 dune xcodebuild msbuild scons tox nox pytest py.test jest vitest mocha ava phpunit rspec tsc eslint prettier webpack vite rollup esbuild turbo nx lerna playwright cypress pre-commit black isort ruff flake8 pylint mypy pyright coverage gofmt goimports golangci-lint rustfmt clippy-driver clang-format clang-tidy shfmt composer bundle rails django-admin hugo jekyll mkdocs sphinx-build ansible-playbook ansible tauri next astro svelte-kit ng vue bear ccache sccache", "", "", WU, Elevated, Args::Any, BUILDS),
    row("gcc g++ cc c++ clang clang++ ld as rustc rustdoc javac go tsc swiftc ghc zig nasm protoc flex bison yacc m4 java", "", "", WU, Elevated, Args::Any, BUILDS),
    row("ansible ansible-playbook", "", "", NU, Dangerous, Args::Any, REMOTE),
    row("shellcheck hadolint yamllint jsonlint markdownlint codespell typos", "", "", R, Low, Args::Read, ""),
    row("typos codespell", "", "-w --write-changes", W, Elevated, Args::Write, WRITES),
    row("markdownlint", "", "-f --fix", W, Elevated, Args::Write, WRITES),
    row("cargo", "", "", WU, Elevated, Args::Text, BUILDS),
    row("cargo", "tree|metadata|search|info|locate-project|pkgid|read-manifest", "", R, Elevated, Args::Text, "May download the list of packages."),
    row("cargo", "add|update|fetch|generate-lockfile|remove|rm|vendor", "", NW, Elevated, Args::Text, INSTALLS),
    row("cargo", "install|uninstall", "", NU, Elevated, Args::Text, INSTALLS),
    row("cargo", "publish|yank|owner|login|logout", "", NW, Dangerous, Args::Text, PUBLISHES),
    row("cargo", "", "--config", U, Dangerous, Args::Text, RUNS),
    row("rustup", "", "", NW, Elevated, Args::Text, INSTALLS),
    row("rustup", "show|which|--version", "", R, Low, Args::Text, ""),
    row("go", "get|install|mod|run|generate|work", "", NU, Elevated, Args::Text, INSTALLS),
    row("go", "", "-exec -toolexec", U, Dangerous, Args::Text, RUNS),
    row("go", "version|env|list|doc|help", "", R, Low, Args::Text, ""),
    row("go", "env", "-w", W, Dangerous, Args::Text, LATER),
    row("npm pnpm yarn", "", "", NU, Elevated, Args::Text, BUILDS),
    row("npm pnpm yarn", "install|i|ci|add|update|upgrade|up|dedupe|rebuild|link|audit|create|init|exec|dlx|import|remove|uninstall|rm|prune", "", NU, Elevated, Args::Text, INSTALLS),
    row("npm pnpm yarn", "run|run-script|test|t|start|stop|restart", "", WU, Elevated, Args::Text, BUILDS),
    row("npm pnpm yarn", "publish|unpublish|deprecate|owner|access|token|login|logout|adduser|dist-tag|team|org|profile|hook", "", NW, Dangerous, Args::Text, PUBLISHES),
    row("npm pnpm yarn", "ls|list|ll|root|prefix|why|explain|help|bin", "", R, Low, Args::Text, ""),
    row("npm pnpm yarn", "view|info|outdated|search|show|ping|whoami|fund", "", R.and(N), Elevated, Args::Text, DOWNLOADS),
    row("npm pnpm yarn", "config|set", "", W, Dangerous, Args::Text, LATER),
    row("npm pnpm yarn", "config get|config list", "", R, Elevated, Args::Text, "Shows settings, which may hold keys."),
    row("npm pnpm yarn", "", "-g --global --script-shell", NP, Dangerous, Args::Text, "Installs for everything on the machine."),
    row("npx bunx pnpx uvx pipx", "", "", NU, Elevated, Args::Text, "Downloads a program and runs it."),
    row("pip pip3 uv poetry conda mamba pipenv pdm gem cpan luarocks nuget dotnet pod vcpkg conan", "", "", NU, Elevated, Args::Text, INSTALLS),
    row("pip pip3", "list|show|freeze|check|--version", "", R, Low, Args::Text, ""),
    row("pip pip3", "config", "", W, Dangerous, Args::Text, LATER),
    row("pip pip3 uv", "", "--index-url -i --extra-index-url --trusted-host --index", NU, Dangerous, Args::Text, "Takes packages from a place of its own."),
    row("poetry uv gem", "publish|push", "", NW, Dangerous, Args::Text, PUBLISHES),
    row("twine", "", "", NW, Dangerous, Args::Text, PUBLISHES),
    // The network.
    row("curl wget http https httpie aria2c xh curlie axel lynx links w3m", "", "", N, Elevated, Args::Text, DOWNLOADS),
    row("curl", "", "-o -O --output --remote-name --output-dir -c --cookie-jar -D --dump-header --trace --trace-ascii", NW, Elevated, Args::Output, "Saves what another machine sends."),
    row("wget", "", "", NW, Elevated, Args::Text, "Saves what another machine sends."),
    row("curl", "", "-d --data --data-binary --data-raw --data-urlencode --json -F --form -T --upload-file -X --request", N, Elevated, Args::Text, "Sends data to another machine."),
    row("curl", "", "-T --upload-file -K --config", N, Dangerous, Args::Text, "Sends files to another machine."),
    row("wget", "", "-O --output-document -o --output-file -P --directory-prefix", NW, Elevated, Args::Output, "Saves what another machine sends."),
    row("wget", "", "--post-data --post-file --body-data --body-file --method", N, Elevated, Args::Text, "Sends data to another machine."),
    row("wget", "", "--post-file --body-file --use-askpass -e --execute --config", N, Dangerous, Args::Text, "Sends files, or runs what it is told."),
    row("nc ncat netcat socat telnet", "", "", NU, Dangerous, Args::Text, "Opens a raw connection to another machine."),
    row("ssh mosh autossh sshpass", "", "", NU, Dangerous, Args::Text, REMOTE),
    row("scp sftp rsync ftp lftp rclone", "", "", NW, Elevated, Args::Copy, "Copies files from or to another place."),
    row("rsync", "", "-e --rsh --rsync-path", U, Dangerous, Args::Copy, RUNS),
    row("rsync", "", "=--delete =--delete-after =--delete-before =--delete-excluded =--remove-source-files", D, Dangerous, Args::Copy, "Deletes what is not there in the source."),
    row("ping traceroute tracepath mtr dig nslookup host whois nmap", "", "", N, Elevated, Args::Text, DOWNLOADS),
    row("ngrok cloudflared tailscale localtunnel bore", "", "", NP, Dangerous, Args::Text, "Opens this machine to others."),
    row("mail mailx sendmail mutt msmtp", "", "", N, Dangerous, Args::Text, "Sends mail."),
    // Containers and clouds.
    row("docker podman nerdctl docker-compose", "", "", N.and(P).and(U), Elevated, Args::Text, "A container can do nearly anything on this machine."),
    row("docker podman nerdctl", "ps|images|inspect|logs|version|info|top|stats|port|history|diff|image ls|container ls|volume ls|network ls|compose ps|compose logs|compose config", "", R, Elevated, Args::Text, "Reads the containers of the machine."),
    row("docker podman nerdctl", "rm|rmi|kill|system prune|volume rm|volume prune|image prune|image rm|container prune|container rm|builder prune|network rm|network prune", "", D, Dangerous, Args::Text, "Deletes containers, images or their data."),
    row("docker podman nerdctl", "push|login|logout", "", NW, Dangerous, Args::Text, PUBLISHES),
    row("docker podman nerdctl", "", "--privileged --pid --cap-add --device --security-opt --userns --ipc", P, Dangerous, Args::Text, RIGHTS),
    row("docker-compose", "down", "-v --volumes", D, Dangerous, Args::Text, "Deletes containers, images or their data."),
    row("docker podman nerdctl", "compose down", "-v --volumes", D, Dangerous, Args::Text, "Deletes containers, images or their data."),
    row("kubectl oc helm k9s", "", "", NW, Dangerous, Args::Text, CLOUD),
    row("kubectl oc", "get|describe|logs|top|explain|api-resources|api-versions|version|cluster-info|config view|config get-contexts|config current-context|auth can-i|diff", "", R.and(N), Elevated, Args::Text, "Reads a cluster."),
    row("helm", "list|ls|status|history|template|lint|show|search|version|get", "", R.and(N), Elevated, Args::Text, "Reads a cluster."),
    row("terraform tofu terragrunt pulumi cdk sam serverless", "", "", NU, Dangerous, Args::Text, CLOUD),
    row("terraform tofu", "plan|validate|show|output|providers|version|graph|state list|state show|fmt", "", NU, Elevated, Args::Text, "Reads what is outside this machine."),
    row("aws gcloud az gsutil heroku fly flyctl vercel netlify wrangler firebase doctl linode-cli hcloud s3cmd mc oci ibmcloud", "", "", NW, Dangerous, Args::Text, CLOUD),
    row("gh glab hub", "", "", NW, Elevated, Args::Text, CLOUD),
    row("gh", "pr view|pr list|pr diff|pr status|pr checks|issue view|issue list|issue status|repo view|run list|run view|release list|release view|auth status|search", "", R.and(N), Elevated, Args::Text, DOWNLOADS),
    row("gh glab", "auth|secret|ssh-key|gpg-key|variable|repo delete|repo archive|repo edit|release delete|pr merge|alias|extension|workflow|api", "", NW, Dangerous, Args::Text, CLOUD),
    // Git.
    row("git", "", "", WU, Elevated, Args::Text, "Not known what it does."),
    row("git", "status|log|show|diff|blame|annotate|ls-files|ls-tree|rev-parse|rev-list|describe|shortlog|grep|cat-file|merge-base|name-rev|for-each-ref|show-ref|show-branch|whatchanged|count-objects|version|help|check-ignore|check-attr|diff-tree|diff-index|diff-files|range-diff|cherry|var|verify-commit|verify-tag|fsck|stash list|stash show|worktree list|remote show|remote get-url|config get|config list|reflog|reflog show|reflog list|branch list|submodule status|submodule summary|bisect log|notes list|notes show|lfs ls-files|--version|--exec-path", "", R, Low, Args::Any, ""),
    row("git", "remote show", "", R.and(N), Elevated, Args::Text, DOWNLOADS),
    row("git", "diff|log|show|format-patch|whatchanged|stash show", "--output", W, Elevated, Args::Output, WRITES),
    row("git", "diff|log|show|whatchanged|grep", "--ext-diff -O --open-files-in-pager --textconv", U, Dangerous, Args::Any, RUNS),
    row("git", "fsck", "--lost-found", W, Elevated, Args::Text, WRITES),
    row("git", "branch|tag|remote|config|stash|worktree|notes|bisect|submodule|add|commit|checkout|switch|restore|merge|rebase|cherry-pick|revert|reset|mv|apply|am|init|sparse-checkout|gc|prune|repack|pack-refs|replace|symbolic-ref|update-ref|update-index|read-tree|write-tree|commit-tree|hash-object|mktree|mktag|format-patch|archive|bundle|rerere|maintenance|lfs|annex|flow|absorb", "", W, Elevated, Args::Any, HISTORY),
    row("git", "branch", "= -a --all -r --remotes -l --list -v -vv --show-current --contains --merged --no-merged", R, Low, Args::Text, ""),
    row("git", "tag", "= -l --list -n --contains --points-at", R, Low, Args::Text, ""),
    row("git", "remote", "= -v --verbose", R, Low, Args::Text, ""),
    row("git", "rm", "", WD, Elevated, Args::Delete, DELETES),
    row("git", "clean", "", D, Dangerous, Args::Delete, "Deletes files that git does not know."),
    row("git", "clean", "-n --dry-run -nd -ndx -dn -nfd", R, Low, Args::Any, ""),
    row("git", "reset", "--hard --merge --keep", WD, Dangerous, Args::Any, DISCARDS),
    row("git", "checkout|switch", "-f --force --discard-changes", WD, Dangerous, Args::Any, DISCARDS),
    row("git", "restore", "", WD, Elevated, Args::Any, DISCARDS),
    row("git", "checkout", "", WD, Elevated, Args::Any, "Changes the files of the work folder."),
    row("git", "stash drop|stash clear", "", D, Dangerous, Args::Text, DISCARDS),
    row("git", "branch", "-D --delete -d", D, Elevated, Args::Text, "Deletes a branch."),
    row("git", "tag", "-d --delete -f --force", D, Elevated, Args::Text, "Deletes or moves a tag."),
    row("git", "update-ref|reflog expire|reflog delete|filter-branch|filter-repo|prune|worktree remove|replace", "", WD, Dangerous, Args::Text, "Changes history so that it cannot be restored."),
    row("git", "gc", "--prune --aggressive", WD, Elevated, Args::Text, "Removes what nothing points to."),
    row("git", "rebase|bisect run|submodule foreach|difftool|mergetool|filter-branch", "-x --exec -i --interactive --extcmd", U, Dangerous, Args::Any, RUNS),
    row("git", "bisect run|submodule foreach|difftool|mergetool", "", U, Elevated, Args::Any, RUNS),
    row("git", "fetch|pull|clone|ls-remote|remote update|submodule update|submodule add|lfs pull|lfs fetch", "", NW, Elevated, Args::Any, DOWNLOADS),
    row("git", "fetch|pull|clone|ls-remote|push|archive|submodule", "--upload-pack --receive-pack --exec --template", U, Dangerous, Args::Any, RUNS),
    row("git", "clone|ls-remote", "-u", U, Dangerous, Args::Any, RUNS),
    row("git", "push|send-email|request-pull|lfs push", "", NW, Elevated, Args::Any, "Sends commits to others."),
    row("git", "push", "-f --force --force-with-lease --mirror --delete -d --prune", NW.and(D), Dangerous, Args::Any, REWRITES),
    row("git", "config", "", W, Elevated, Args::Text, "Changes settings of git, some of which run programs."),
    row("git", "config", "--global --system -e --edit -f --file", W, Dangerous, Args::Text, LATER),
    row("git", "config", "--get --get-all --get-regexp --list -l --show-origin", R, Low, Args::Text, ""),
    row("git", "credential|credential-store|credential-cache|daemon|instaweb|web--browse|hook|remote-ext|upload-pack|receive-pack|shell", "", U, Dangerous, Args::Text, "Hands out passwords, or serves others."),
    row("git", "", "--config-env --exec-path", U, Dangerous, Args::Any, RUNS),
    row("codex claude gemini aider cursor-agent opencode", "", "", NU, Dangerous, Args::Text, "Starts another agent."),
];

/// What the table says about a command.
pub(super) struct Known {
    /// What it does without its flags. `None` for an unknown program.
    pub(super) base: Option<Row>,
    /// What its flags add.
    pub(super) more: Vec<Row>,
    /// Where its arguments begin, behind the subcommand.
    pub(super) arguments: usize,
}

/// Asks the table. The words are the program's name without its folder and its arguments, [`None`]
/// where one is not known.
pub(super) fn look_up(name: &str, arguments: &[Option<&str>]) -> Known {
    let operands: Vec<(usize, &str)> = operands(name, arguments);
    let rows = || {
        TABLE
            .iter()
            .filter(|row| row.programs.split(' ').any(|program| program == name))
            .filter_map(|row| Some((subcommand_depth(row.subcommand, &operands)?, *row)))
    };
    let (plain, flagged): (Vec<_>, Vec<_>) = rows().partition(|(_, row)| row.flags.is_empty());
    // Of two rows as deep as each other the later one is about less, so it is right.
    let base = plain.into_iter().max_by_key(|(depth, _)| *depth);
    let depth = base.map_or(0, |(depth, _)| depth);
    let behind = match depth {
        0 => 0,
        depth => operands.get(depth - 1).map_or(0, |(index, _)| index + 1),
    };
    let plain = base.map(|(_, row)| row);
    let mut base = plain;
    let mut more = Vec::new();
    for (_, row) in flagged {
        if plain.is_some_and(|plain| row.level < plain.level) {
            if makes_harmless(row.flags, arguments, behind) {
                base = Some(row);
            }
        } else if has_flag(row.flags, arguments) {
            more.push(row);
        }
    }
    Known {
        base,
        more,
        arguments: behind,
    }
}

/// A flag that makes a command less than it is must stand first, as it is, and one that is written
/// with `=` alone: another flag may undo it. A sole `=` is no argument at all.
fn makes_harmless(flags: &str, arguments: &[Option<&str>], behind: usize) -> bool {
    let first = arguments.get(behind).copied().flatten();
    flags
        .split(' ')
        .any(|flag| match (flag.strip_prefix('='), first) {
            (Some(""), _) => arguments.len() == behind,
            (Some(exact), Some(first)) => first == exact && arguments.len() == 1,
            (None, Some(first)) => first == flag,
            (_, None) => false,
        })
}

/// Flags before the subcommand whose value is a word of its own.
fn takes_value(name: &str, flag: &str) -> bool {
    let flags: &[&str] = match name {
        "git" => &[
            "-C",
            "-c",
            "--git-dir",
            "--work-tree",
            "--namespace",
            "--config-env",
        ],
        "docker" | "podman" | "nerdctl" => &[
            "-H",
            "--host",
            "-c",
            "--context",
            "--config",
            "-l",
            "--log-level",
        ],
        "kubectl" | "oc" | "helm" => &[
            "-n",
            "--namespace",
            "--context",
            "--kubeconfig",
            "--cluster",
            "-s",
            "--server",
        ],
        "npm" | "pnpm" | "yarn" => &[
            "-C",
            "--prefix",
            "--dir",
            "--cwd",
            "-w",
            "--workspace",
            "-F",
            "--filter",
        ],
        "cargo" => &["-C", "--config", "-Z", "--color", "--manifest-path"],
        "gh" | "glab" => &["-R", "--repo"],
        _ => &[],
    };
    flags.contains(&flag)
}

/// The words that are no flags, up to three, with their places.
fn operands<'w>(name: &str, arguments: &[Option<&'w str>]) -> Vec<(usize, &'w str)> {
    let mut found = Vec::new();
    let mut index = 0;
    while let Some(word) = arguments.get(index) {
        let Some(word) = word else { break };
        if word.starts_with('-') && found.is_empty() && takes_value(name, word) {
            index += 1;
        } else if !word.starts_with('-')
            || (found.is_empty() && matches!(*word, "--version" | "--exec-path"))
        {
            found.push((index, *word));
            if found.len() == 3 {
                break;
            }
        }
        index += 1;
    }
    found
}

/// How many words of a subcommand are there, if it is the one.
fn subcommand_depth(subcommand: &str, operands: &[(usize, &str)]) -> Option<usize> {
    if subcommand.is_empty() {
        return Some(0);
    }
    subcommand
        .split('|')
        .filter_map(|alternative| {
            let mut depth = 0;
            for word in alternative.split(' ') {
                if operands
                    .get(depth)
                    .is_none_or(|(_, operand)| *operand != word)
                {
                    return None;
                }
                depth += 1;
            }
            Some(depth)
        })
        .max()
}

/// The words that the flags of a row give a value to, with that value.
pub(super) fn flag_values(flags: &str, shapes: &[&str]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, shape) in shapes.iter().enumerate() {
        for flag in flags.split(' ') {
            let flag = flag.strip_prefix('=').unwrap_or(flag);
            let next = || {
                shapes
                    .get(index + 1)
                    .map(|value| (index + 1, (*value).to_owned()))
            };
            if *shape == flag {
                found.extend(next());
            } else if flag.starts_with("--") {
                if let Some((name, value)) = shape.split_once('=')
                    && name.len() > 3
                    && flag.starts_with(name)
                {
                    found.push((index, value.to_owned()));
                }
            } else if flag.len() == 2
                && shape.starts_with('-')
                && !shape.starts_with("--")
                && let Some((_, value)) = shape.split_once(flag.trim_start_matches('-'))
            {
                // In a cluster: `-uo file`, `-ofile`.
                match value {
                    "" => found.extend(next()),
                    value => found.push((index, value.to_owned())),
                }
            }
        }
    }
    found
}

/// Whether one of the flags is there: as it is, in a cluster (`-rf`), shortened (`--rec`), or with a
/// value (`--output=x`). A flag that is written `=-delete` has one dash and no clusters.
pub(super) fn has_flag(flags: &str, arguments: &[Option<&str>]) -> bool {
    let given = arguments
        .iter()
        .take_while(|word| **word != Some("--"))
        .flatten();
    given.into_iter().any(|word| {
        flags.split(' ').any(|flag| {
            if let Some(exact) = flag.strip_prefix('=') {
                return *word == exact;
            }
            if flag.starts_with("--") {
                let name = word.split('=').next().unwrap_or(word);
                return name.len() > 3 && name.starts_with("--") && flag.starts_with(name);
            }
            match flag.strip_prefix('-') {
                Some(letter) if letter.len() == 1 => {
                    word.starts_with('-') && !word.starts_with("--") && word.contains(letter)
                }
                _ => word == &flag,
            }
        })
    })
}
