//! One test's display, session bus, window manager and home.

use std::{
    cell::{Cell, RefCell},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use super::{
    a11y::Accessibility,
    app::App,
    process::{self, Owned, Process, tethered},
    wait::{DEADLINE, poll, wait_for, wait_until},
    window::{Window, xdotool},
};

const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

/// Set to the desktop's id on every process of it.
const MARK: &str = "COUNTERSIGN_TEST";
/// Set too on the display, the bus, the window manager and what those start.
const DESK_MARK: &str = "COUNTERSIGN_TEST_DESK";

/// A desktop no other test shares. Dropping it ends every process on it.
pub struct Desktop {
    name: String,
    id: String,
    scratch: PathBuf,
    home: PathBuf,
    display: String,
    bus_address: String,
    // Sockets live here: their paths must be short. Removed on drop.
    run: tempfile::TempDir,
    launches: Cell<u32>,
    recorded: Cell<bool>,
    accessibility: RefCell<Option<Accessibility>>,
    runtime: tokio::runtime::Runtime,
    owned: Vec<Owned>,
}

impl Desktop {
    /// Brings up a desktop for the test called `name` (unique among the tests).
    pub fn start(name: &str) -> Self {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let scratch = target.join("desktops").join(format!("{name}-{}", &id[..8]));
        // TMPDIR lies beside the home, not above it: Codex refuses to sandbox
        // commands when its own folder is under the temporary one (FACTS section 7).
        for folder in ["home", "tmp", "logs"] {
            fs::create_dir_all(scratch.join(folder)).unwrap();
        }
        let mut desktop = Self {
            name: name.to_owned(),
            id,
            home: scratch.join("home"),
            scratch,
            display: String::new(),
            bus_address: String::new(),
            run: tempfile::Builder::new().prefix("desk-").tempdir().unwrap(),
            launches: Cell::new(0),
            recorded: Cell::new(false),
            accessibility: RefCell::new(None),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            owned: Vec::new(),
        };
        desktop.start_display();
        desktop.start_bus();
        desktop.start_window_manager();
        desktop
    }

    fn start_display(&mut self) {
        let mut command = self.desk_command("Xvfb");
        // The server picks a free number itself and prints it once it is ready.
        command
            .args(["-displayfd", "1", "-screen", "0", "1280x800x24"])
            .args(["-nolisten", "tcp", "-noreset"])
            .stdout(Stdio::piped());
        let mut server = Owned::spawn(command);
        let number = server.first_line();
        assert!(!number.is_empty(), "{}", self.trouble("Xvfb"));
        self.display = format!(":{number}");
        self.owned.push(server);
    }

    fn start_bus(&mut self) {
        // Of the system's services only the accessibility bus is started on demand: a notification daemon that is
        // installed would put itself over the window.
        let services = self.run.path().join("services");
        fs::create_dir_all(&services).unwrap();
        let accessibility = Path::new("/usr/share/dbus-1/services/org.a11y.Bus.service");
        std::os::unix::fs::symlink(accessibility, services.join("org.a11y.Bus.service")).unwrap();
        let config = self.run.path().join("bus.conf");
        fs::write(
            &config,
            format!(
                "<busconfig><type>session</type><listen>unix:path={run}/bus</listen>\
                 <auth>EXTERNAL</auth><servicedir>{run}/services</servicedir>\
                 <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>\
                 <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>",
                run = self.run.path().display()
            ),
        )
        .unwrap();
        let mut command = self.desk_command("dbus-daemon");
        command
            .args(["--nofork", "--nopidfile", "--print-address=1"])
            .arg(format!("--config-file={}", config.display()))
            .stdout(Stdio::piped());
        let mut bus = Owned::spawn(command);
        self.bus_address = bus.first_line();
        assert!(
            !self.bus_address.is_empty(),
            "{}",
            self.trouble("dbus-daemon")
        );
        self.owned.push(bus);
    }

    fn start_window_manager(&mut self) {
        let mut command = self.desk_command("openbox");
        command.arg("--sm-disable").stdout(Stdio::null());
        self.owned.push(Owned::spawn(command));
        // Answered only once a window manager speaks for the display.
        wait_until("the window manager", || {
            xdotool(&self.display, &["get_num_desktops"]).is_some()
        });
    }

    fn trouble(&self, program: &str) -> String {
        let log = fs::read_to_string(self.log(program)).unwrap_or_default();
        format!("{program} did not start: {log}")
    }

    fn log(&self, of: &str) -> PathBuf {
        self.scratch.join("logs").join(format!("{of}.log"))
    }

    pub(super) fn desk_command(&self, program: &str) -> Command {
        let mut command = tethered(program);
        self.environment(&mut command);
        command.env(DESK_MARK, &self.id);
        command.stderr(fs::File::create(self.log(program)).unwrap());
        command
    }

    /// The driver of the app, whose environment the app inherits.
    pub(super) fn driver_command(&self, launch: u32) -> Command {
        let mut command = tethered("WebKitWebDriver");
        self.environment(&mut command);
        let log = fs::File::create(self.log(&format!("app-{launch}"))).unwrap();
        command
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        command
    }

    /// The app as a person would start it a second time, from a terminal: without
    /// automation, on this desktop and home.
    pub fn app_command(&self, args: &[&str]) -> Command {
        let mut command = tethered(BINARY);
        self.environment(&mut command);
        command.args(args);
        command
    }

    fn environment(&self, command: &mut Command) {
        let home = self.home();
        command
            .env_clear()
            .current_dir(home)
            .env(MARK, &self.id)
            .env("HOME", home)
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .env("XDG_DATA_HOME", home.join(".local/share"))
            .env("XDG_STATE_HOME", home.join(".local/state"))
            .env("XDG_CACHE_HOME", home.join(".cache"))
            .env("XDG_RUNTIME_DIR", self.run.path())
            .env("TMPDIR", self.scratch.join("tmp"))
            .env("LANG", "C.UTF-8")
            .env("GDK_BACKEND", "x11")
            // No settings daemon and no file system daemon of the desktop's.
            .env("GSETTINGS_BACKEND", "memory")
            .env("GIO_USE_VFS", "local")
            .env("COUNTERSIGN_CODEX", codex());
        for name in ["PATH", "USER", "SHELL", "RUST_BACKTRACE", "RUST_LOG"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if !self.display.is_empty() {
            command.env("DISPLAY", &self.display);
        }
        if !self.bus_address.is_empty() {
            command.env("DBUS_SESSION_BUS_ADDRESS", &self.bus_address);
        }
    }

    /// The home of everything on this desktop; it stays across launches.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// A folder for a session to work in, made when it is not there.
    pub fn folder(&self, name: &str) -> PathBuf {
        let folder = self.home().join("work").join(name);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// Starts the app with `args` and waits for its page. On the same home as
    /// before: end one launch before the next.
    pub fn launch(&self, args: &[&str]) -> App<'_> {
        // The mouse begins in a corner: a card that appeared beneath it would be held there.
        self.xdotool(&["mousemove", "0", "0"]);
        self.launches.set(self.launches.get() + 1);
        App::launch(self, BINARY, args, self.launches.get())
    }

    /// The window titled exactly `title`, once it is mapped.
    pub fn window(&self, title: &str) -> Window<'_> {
        wait_for(&format!("a window titled {title:?}"), || {
            Window::find(self, title)
        })
    }

    /// The app's window. Its title begins with the number of questions that wait, if there are any.
    pub fn main_window(&self) -> Window<'_> {
        wait_for("the app's window", || {
            let title = self.titles().into_iter().find(|title| {
                let name = title
                    .rsplit_once(") ")
                    .map_or(title.as_str(), |(_, name)| name);
                name == "Countersign"
            })?;
            Window::find(self, &title)
        })
    }

    /// The native dialog titled exactly `title`, once it is mapped.
    pub fn dialog(&self, title: &str) -> Window<'_> {
        self.window(title)
    }

    /// Whether a window titled exactly `title` is mapped now.
    pub fn has_window(&self, title: &str) -> bool {
        Window::find(self, title).is_some()
    }

    /// The titles of all mapped windows.
    pub fn titles(&self) -> Vec<String> {
        Window::titles(self)
    }

    /// Presses a key, as xdotool names it ("Return", "alt+F4"), in the window that
    /// has the keyboard.
    pub fn press(&self, key: &str) {
        self.xdotool(&["key", "--clearmodifiers", key]);
    }

    /// Types `text` on the keyboard into the window that has it.
    pub fn type_text(&self, text: &str) {
        self.xdotool(&["type", "--clearmodifiers", "--", text]);
    }

    pub(super) fn xdotool(&self, args: &[&str]) -> String {
        xdotool(&self.display, args).unwrap_or_else(|| panic!("xdotool {args:?} failed"))
    }

    pub(super) fn display(&self) -> &str {
        &self.display
    }

    pub(super) fn bus_address(&self) -> &str {
        &self.bus_address
    }

    /// Starts a program that belongs to the desktop, until the desktop goes.
    pub(super) fn own(&mut self, command: Command) {
        self.owned.push(Owned::spawn(command));
    }

    /// Whether some program speaks for `name` on the session bus.
    pub(super) fn owns_name(&self, name: &str) -> bool {
        let connection = zbus::blocking::connection::Builder::address(self.bus_address())
            .and_then(zbus::blocking::connection::Builder::build);
        connection
            .and_then(|connection| {
                let bus = zbus::blocking::fdo::DBusProxy::new(&connection)?;
                Ok(bus.name_has_owner(name.try_into()?)?)
            })
            .unwrap_or(false)
    }

    /// The accessibility bus of this desktop, connected when first asked for.
    pub(super) fn with_accessibility<T>(&self, look: impl FnOnce(&Accessibility) -> T) -> T {
        let mut connected = self.accessibility.borrow_mut();
        let bus = connected.get_or_insert_with(|| Accessibility::connect(&self.bus_address));
        look(bus)
    }

    /// The processes of the app and all that descends from it: the webview's, the
    /// app-servers, what those run. Not the desktop's own, nor the driver.
    pub fn processes(&self) -> Vec<Process> {
        let desk = format!("{DESK_MARK}={}", self.id);
        self.marked()
            .into_iter()
            .filter(|process| !process::carries(process.pid, &desk))
            .filter(|process| !process.program.ends_with("WebKitWebDriver"))
            .collect()
    }

    fn marked(&self) -> Vec<Process> {
        process::marked(&format!("{MARK}={}", self.id), &self.scratch)
    }

    /// The running `codex app-server` processes, oldest first.
    pub fn app_servers(&self) -> Vec<Process> {
        let codex = codex();
        let mut servers = self.processes();
        servers.retain(|process| {
            process.program == codex && process.command.split(' ').any(|word| word == "app-server")
        });
        servers.sort_by_key(|process| process.pid);
        servers
    }

    /// Waits until nothing of the app is left running, and names what stays.
    #[track_caller]
    pub fn wait_for_no_processes(&self) {
        let mut left = Vec::new();
        let ended = poll(|| {
            left = self.processes();
            left.is_empty().then_some(())
        });
        assert!(ended.is_some(), "still running: {left:#?}");
    }

    /// Writes a PNG picture of the whole display to `file`.
    pub fn screenshot(&self, file: &Path) {
        let result = Command::new("/usr/bin/import")
            .args(["-display", &self.display, "-window", "root"])
            .arg(file)
            .output();
        match result {
            Ok(output) if output.status.success() => {}
            other => panic!("no picture of the display: {other:?}"),
        }
    }

    /// Runs a conversation with the driver; `None` when it hangs.
    pub(super) fn block_on<T>(&self, conversation: impl Future<Output = T>) -> Option<T> {
        self.block_on_within(DEADLINE, conversation)
    }

    pub(super) fn block_on_within<T>(
        &self,
        limit: Duration,
        conversation: impl Future<Output = T>,
    ) -> Option<T> {
        self.runtime
            .block_on(async { tokio::time::timeout(limit, conversation).await.ok() })
    }

    /// Fails a launch; what there is to see of it is kept.
    pub(super) fn give_up(&self, why: &str) -> ! {
        self.record(None);
        panic!("{why}; the app's own words:\n{}", self.last_log());
    }

    pub(super) fn last_log(&self) -> String {
        let log = self.log(&format!("app-{}", self.launches.get()));
        fs::read_to_string(log).unwrap_or_default()
    }

    /// In a failing test, once: keeps what a person needs to see why.
    pub(super) fn record_failure(&self, page: Option<String>) {
        if std::thread::panicking() {
            self.record(page);
        }
    }

    fn record(&self, page: Option<String>) {
        if self.recorded.replace(true) {
            return;
        }
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = target.with_file_name("journeys").join(&self.name);
        let _ = fs::remove_dir_all(&folder);
        if fs::create_dir_all(&folder).is_err() {
            return;
        }
        let _ = Command::new("/usr/bin/import")
            .args(["-display", &self.display, "-window", "root"])
            .arg(folder.join("display.png"))
            .output();
        let _ = fs::write(folder.join("page.txt"), page.unwrap_or_default());
        let _ = fs::write(
            folder.join("processes.txt"),
            format!("{:#?}\nwindows: {:#?}\n", self.processes(), self.titles()),
        );
        for log in fs::read_dir(self.scratch.join("logs"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let _ = fs::copy(log.path(), folder.join(log.file_name()));
        }
        eprintln!(
            "see {}; the home is kept in {}",
            folder.display(),
            self.scratch.display()
        );
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        self.record_failure(None);
        self.accessibility.take();
        // Until none is left: one that is killed may just have started another.
        poll(|| {
            let left = self.marked();
            left.iter().for_each(|process| process::kill(process.pid));
            left.is_empty().then_some(())
        });
        self.owned.clear();
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.scratch);
        }
    }
}

/// The pinned codex binary itself; npm's wrapper around it would be one process more.
fn codex() -> PathBuf {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/codex/node_modules/@openai");
    let found = fs::read_dir(&packages)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|package| fs::read_dir(package.path().join("vendor")).ok())
        .flat_map(Iterator::flatten)
        .map(|platform| platform.path().join("bin/codex"))
        .find(|binary| binary.is_file())
        // As /proc will name it.
        .and_then(|binary| binary.canonicalize().ok());
    found.unwrap_or_else(|| {
        panic!(
            "no codex binary under {}: run make setup",
            packages.display()
        )
    })
}
