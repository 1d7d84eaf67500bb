//! The running app: its page through WebDriver, its process by id.

use std::{fs::File, net::TcpListener, path::Path};

use fantoccini::{
    Client, ClientBuilder,
    elements::Element,
    error::{CmdError, ErrorStatus},
    key::Key,
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};

use super::{
    desktop::Desktop,
    process::{self, Owned, Process},
    wait::{poll, wait_for, wait_until},
};

const FIND: &str = include_str!("page.js");

/// One launch of the app. Dropping it kills the app; the home stays.
pub struct App<'d> {
    desktop: &'d Desktop,
    process: Process,
    client: Client,
    driver: Option<Owned>,
    _port: Port,
}

impl<'d> App<'d> {
    /// A driver, and its session with the app. A driver that does not get the app up although that
    /// said nothing is replaced, twice: it fails to now and then on a cold machine. What the app says
    /// is its own failure.
    fn connect(
        desktop: &Desktop,
        binary: &str,
        args: &[&str],
        launch: u32,
    ) -> (Port, Owned, Client) {
        let mut attempt = 1;
        loop {
            let port = Port::reserve();
            let mut command = desktop.driver_command(launch);
            command.args([&format!("--port={}", port.number), "--host=127.0.0.1"]);
            let mut driver = Owned::spawn(command);
            let url = format!("http://127.0.0.1:{}", port.number);
            wait_until("WebKitWebDriver", || {
                assert!(!driver.has_ended(), "WebKitWebDriver ended at its start");
                std::net::TcpStream::connect(("127.0.0.1", port.number)).is_ok()
            });

            let options = json!({ "binary": binary, "args": args });
            let capabilities = Map::from_iter([("webkitgtk:browserOptions".to_owned(), options)]);
            let client = desktop.block_on(
                ClientBuilder::new(HttpConnector::new())
                    .capabilities(capabilities)
                    .connect(&url),
            );
            let trouble = match client {
                Some(Ok(client)) => return (port, driver, client),
                Some(Err(error)) => format!("the app did not open its window: {error}"),
                None => "the app did not open its window in time".to_owned(),
            };
            if attempt == 3 || !desktop.last_log().trim().is_empty() {
                desktop.give_up(&trouble);
            }
            eprintln!("attempt {attempt}: {trouble}");
            attempt += 1;
        }
    }

    pub(super) fn launch(desktop: &'d Desktop, binary: &str, args: &[&str], launch: u32) -> Self {
        let (port, driver, client) = Self::connect(desktop, binary, args, launch);
        let process = wait_for("the app's process", || {
            let mut processes = desktop.processes().into_iter();
            processes.find(|process| {
                process.parent == driver.pid() && process.program == Path::new(binary)
            })
        });
        Self {
            desktop,
            process,
            client,
            driver: Some(driver),
            _port: port,
        }
    }

    /// The elements of `role` named exactly `name`. Looked for anew at every use.
    pub fn role(&self, role: &str, name: &str) -> Locator<'_> {
        Locator::new(self, vec![step(role, Some(name), None)])
    }

    /// The elements of `role` with `part` in their name.
    pub fn role_with(&self, role: &str, part: &str) -> Locator<'_> {
        Locator::new(self, vec![step(role, None, Some(part))])
    }

    /// All elements of `role`.
    pub fn any(&self, role: &str) -> Locator<'_> {
        Locator::new(self, vec![step(role, None, None)])
    }

    /// Types `text` and then `key` into the textbox "Message".
    pub fn type_message(&self, text: &str, key: Key) {
        // Enter alone would send what is before the line's end.
        let new_line = String::new() + &Key::Shift + &Key::Enter + &Key::Shift;
        let text = text.replace('\n', &new_line) + &key;
        self.role("textbox", "Message").type_text(&text);
    }

    /// Types `text` into whatever has the keyboard in the page.
    pub fn press_keys(&self, text: &str) {
        let active = || {
            self.desktop
                .block_on(async { self.client.active_element().await?.send_keys(text).await })
        };
        match active() {
            Some(Ok(())) => {}
            other => panic!("the page takes no keys: {other:?}"),
        }
    }

    /// Runs a function body in the page; `arguments` holds `args`.
    pub fn eval(&self, script: &str, args: Vec<Value>) -> Value {
        let shown = script.lines().next().unwrap_or_default();
        match self.answer(script, args) {
            Some(value) => value,
            None => panic!("the page replaced what it answered to {shown:?}"),
        }
    }

    /// The page's answer; none when an element in it was gone before it arrived.
    fn answer(&self, script: &str, args: Vec<Value>) -> Option<Value> {
        let shown = script.lines().next().unwrap_or_default();
        match self.desktop.block_on(self.client.execute(script, args)) {
            Some(Ok(value)) => Some(value),
            Some(Err(error)) if error.to_string().to_lowercase().contains("stale element") => None,
            Some(Err(error)) => panic!("the page's answer to {shown:?}: {error}"),
            None => panic!("the page did not answer {shown:?}"),
        }
    }

    /// All roles and names of the page, and its text.
    pub fn outline(&self) -> String {
        let found = self.eval(FIND, vec![Value::Null]);
        found["outline"].as_str().unwrap_or_default().to_owned()
    }

    /// Loads the page anew, as a crash of the webview would.
    pub fn reload(&self) {
        match self.desktop.block_on(self.client.refresh()) {
            Some(Ok(())) => {}
            other => panic!("the page did not load again: {other:?}"),
        }
    }

    /// The app's own process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    pub fn is_running(&self) -> bool {
        process::is_running(self.process.pid)
    }

    /// Waits until the app has ended by itself, then lets go of its driver.
    pub fn wait_ended(mut self) {
        wait_until("the app to end", || !self.is_running());
        self.driver = None;
    }

    /// `kill -9` of the app alone: what it started must notice by itself.
    pub fn kill(mut self) {
        self.process.kill();
        // The driver's group holds the webview's processes; a crash leaves them to
        // notice by themselves, so the driver alone goes.
        if let Some(driver) = self.driver.take() {
            driver.kill_alone();
        }
    }
}

impl Drop for App<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let outline = self.client.execute(FIND, vec![Value::Null]);
            let limit = std::time::Duration::from_secs(5);
            let page = match self.desktop.block_on_within(limit, outline) {
                Some(Ok(found)) => found["outline"].as_str().unwrap_or_default().to_owned(),
                other => format!("the page did not answer: {other:?}"),
            };
            self.desktop.record_failure(Some(page));
        }
        if self.driver.is_some() {
            process::kill(self.process.pid);
        }
    }
}

fn step(role: &str, name: Option<&str>, part: Option<&str>) -> Value {
    json!({ "role": role, "name": name, "part": part })
}

/// A way to find elements, used like the element itself. What needs one element
/// waits until there is exactly one.
#[derive(Clone)]
pub struct Locator<'a> {
    app: &'a App<'a>,
    path: Vec<Value>,
}

impl<'a> Locator<'a> {
    fn new(app: &'a App<'_>, path: Vec<Value>) -> Self {
        Self { app, path }
    }

    /// The elements of `role` named exactly `name`, inside these.
    pub fn role(&self, role: &str, name: &str) -> Self {
        self.then(step(role, Some(name), None))
    }

    /// The elements of `role` with `part` in their name, inside these.
    pub fn role_with(&self, role: &str, part: &str) -> Self {
        self.then(step(role, None, Some(part)))
    }

    /// All elements of `role`, inside these.
    pub fn any(&self, role: &str) -> Self {
        self.then(step(role, None, None))
    }

    fn then(&self, step: Value) -> Self {
        let mut path = self.path.clone();
        path.push(step);
        Self {
            app: self.app,
            path,
        }
    }

    /// How many there are now.
    pub fn count(&self) -> usize {
        self.look().found.len()
    }

    pub fn exists(&self) -> bool {
        self.count() > 0
    }

    /// Waits until there is exactly one.
    #[track_caller]
    pub fn wait(&self) -> &Self {
        self.one();
        self
    }

    /// Waits until there is none.
    #[track_caller]
    pub fn wait_gone(&self) {
        self.wait_count(0);
    }

    /// Waits until there are `count`.
    #[track_caller]
    pub fn wait_count(&self, count: usize) {
        self.holds(&format!("{count} of them"), || self.count() == count);
    }

    /// Whether its text has `part` in it now.
    pub fn says(&self, part: &str) -> bool {
        self.look().texts.iter().any(|text| text.contains(part))
    }

    /// Waits until its text has `part` in it.
    #[track_caller]
    pub fn wait_text(&self, part: &str) {
        self.holds(&format!("the text {part:?}"), || self.says(part));
    }

    /// Waits until it can be used, then clicks its middle. Fails when something
    /// else lies over it.
    #[track_caller]
    pub fn click(&self) {
        self.wait_enabled();
        self.with("click", async |element| element.click().await);
    }

    /// Waits until it can be used, then types into it, after what is there.
    #[track_caller]
    pub fn type_text(&self, text: &str) {
        self.wait_enabled();
        self.with("type", async |element| element.send_keys(text).await);
    }

    /// Empties it, then types into it.
    #[track_caller]
    pub fn fill(&self, text: &str) {
        self.wait_enabled();
        self.with("empty", async |element| element.clear().await);
        self.type_text(text);
    }

    /// The text it shows.
    #[track_caller]
    pub fn text(&self) -> String {
        self.with("read", async |element| element.text().await)
    }

    /// What a person has typed into it.
    #[track_caller]
    pub fn value(&self) -> String {
        self.with("read", async |element| element.prop("value").await)
            .unwrap_or_default()
    }

    #[track_caller]
    pub fn attribute(&self, name: &str) -> Option<String> {
        self.with("read", async |element| element.attr(name).await)
    }

    #[track_caller]
    pub fn is_enabled(&self) -> bool {
        self.one().1.enabled == [true]
    }

    #[track_caller]
    pub fn wait_enabled(&self) {
        self.one();
        self.holds("one that is enabled", || self.look().enabled == [true]);
    }

    /// Whether it has the keyboard inside the page.
    #[track_caller]
    pub fn has_focus(&self) -> bool {
        self.one().1.focused == [true]
    }

    fn look(&self) -> Look {
        let answer = poll(|| self.app.answer(FIND, vec![Value::Array(self.path.clone())]));
        let answer = answer.unwrap_or_else(|| panic!("{self} is replaced all the time"));
        serde_json::from_value(answer).unwrap_or_else(|error| panic!("page.js: {error}"))
    }

    #[track_caller]
    fn one(&self) -> (Element, Look) {
        let mut count = 0;
        let one = poll(|| {
            let look = self.look();
            count = look.found.len();
            (count == 1).then_some(look)
        });
        let Some(look) = one else {
            panic!("{self} is there {count} times instead of once");
        };
        let id = look.found[0].id.clone();
        let element = Element::from_element_id(self.app.client.clone(), id.into());
        (element, look)
    }

    #[track_caller]
    fn holds(&self, what: &str, condition: impl FnMut() -> bool) {
        let mut condition = condition;
        let held = poll(|| condition().then_some(()));
        assert!(held.is_some(), "waited in vain for {what}: {self}");
    }

    /// Does something with the one element; anew when the page replaced it meanwhile.
    #[track_caller]
    fn with<T>(&self, what: &str, act: impl AsyncFn(&Element) -> Result<T, CmdError>) -> T {
        let mut trouble = String::new();
        let done = poll(|| {
            let (element, _) = self.one();
            match self.app.desktop.block_on(act(&element)) {
                Some(Ok(value)) => Some(value),
                Some(Err(error)) if error.is_stale_element_reference() => None,
                Some(Err(CmdError::Standard(error)))
                    if error.error == ErrorStatus::ElementClickIntercepted =>
                {
                    trouble = format!(": {error}");
                    None
                }
                Some(Err(error)) => panic!("cannot {what} {self}: {error}"),
                None => panic!("cannot {what} {self}: the page does not answer"),
            }
        });
        done.unwrap_or_else(|| panic!("cannot {what} {self}{trouble}"))
    }
}

/// What page.js answers: the elements, and what is to be known of each.
#[derive(serde::Deserialize)]
struct Look {
    found: Vec<Reference>,
    texts: Vec<String>,
    enabled: Vec<bool>,
    focused: Vec<bool>,
}

/// WebDriver's reference to an element.
#[derive(serde::Deserialize)]
struct Reference {
    #[serde(rename = "element-6066-11e4-a52e-4f735466cecf")]
    id: String,
}

impl std::fmt::Display for Locator<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (depth, step) in self.path.iter().enumerate() {
            let role = step["role"].as_str().unwrap_or_default();
            write!(f, "{}{role}", if depth > 0 { " > " } else { "" })?;
            match (step["name"].as_str(), step["part"].as_str()) {
                (Some(name), _) => write!(f, " {name:?}")?,
                (_, Some(part)) => write!(f, " with {part:?} in its name")?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// A free TCP port of the loopback, kept from other tests by a lock on a file; the
/// driver cannot choose one itself.
struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    fn reserve() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ports");
        std::fs::create_dir_all(&folder).unwrap();
        wait_for("a free port", || {
            let listener = TcpListener::bind(("127.0.0.1", 0)).ok()?;
            let number = listener.local_addr().ok()?.port();
            let lock = File::create(folder.join(number.to_string())).ok()?;
            lock.try_lock().ok()?;
            Some(Self {
                number,
                _lock: lock,
            })
        })
    }
}
