//! The accessibility bus (AT-SPI): what a screen reader sees of native windows.

use zbus::{
    blocking::{Connection, Proxy, connection},
    zvariant::OwnedObjectPath,
};

/// Bit numbers of AT-SPI's state set.
const SENSITIVE: u32 = 24;
const SHOWING: u32 = 25;

/// Coordinates relative to the display.
const SCREEN: u32 = 0;

/// The bus name of a program, and the path of one object in it.
type Object = (String, OwnedObjectPath);

/// One visible object of a window.
#[derive(Debug)]
pub struct Node {
    /// AT-SPI's name of the role: "label", "push button", "alert" ...
    pub role: String,
    pub name: String,
    pub sensitive: bool,
    /// x, y, width, height on the display, in pixels.
    pub area: (i32, i32, i32, i32),
}

impl Node {
    pub fn middle(&self) -> (i32, i32) {
        let (x, y, width, height) = self.area;
        (x + width / 2, y + height / 2)
    }
}

/// A connection to one desktop's accessibility bus.
pub struct Accessibility(Connection);

impl Accessibility {
    /// Starts the bus through the session bus when it is not running yet.
    pub fn connect(session_bus: &str) -> Self {
        let open = |address: &str| connection::Builder::address(address)?.build();
        let address = open(session_bus).and_then(|session| {
            session
                .call_method(
                    Some("org.a11y.Bus"),
                    "/org/a11y/bus",
                    Some("org.a11y.Bus"),
                    "GetAddress",
                    &(),
                )?
                .body()
                .deserialize::<String>()
        });
        match address.and_then(|address| open(&address)) {
            Ok(connection) => Self(connection),
            Err(error) => panic!("no accessibility bus (package at-spi2-core): {error}"),
        }
    }

    /// What shows in the window named `title`, parents before children. Empty when there
    /// is none, or it is closing while it is read.
    pub fn window(&self, title: &str) -> Vec<Node> {
        let registry = (
            "org.a11y.atspi.Registry".to_owned(),
            OwnedObjectPath::try_from("/org/a11y/atspi/accessible/root")
                .unwrap_or_else(|error| panic!("{error}")),
        );
        let programs = self.children(&registry).unwrap_or_default();
        let window = programs
            .iter()
            .flat_map(|program| self.children(program).unwrap_or_default())
            .filter(|window| self.has_state(window, SHOWING).unwrap_or(false))
            .find(|window| self.read(window).is_ok_and(|node| node.name == title));
        let mut nodes = Vec::new();
        if let Some(window) = window
            && self.collect(&window, &mut nodes).is_err()
        {
            nodes.clear();
        }
        nodes
    }

    fn collect(&self, object: &Object, nodes: &mut Vec<Node>) -> zbus::Result<()> {
        if !self.has_state(object, SHOWING)? {
            return Ok(());
        }
        nodes.push(self.read(object)?);
        for child in self.children(object)? {
            // A web view's page comes from another program; it is WebDriver's.
            if child.0 == object.0 {
                self.collect(&child, nodes)?;
            }
        }
        Ok(())
    }

    fn read(&self, object: &Object) -> zbus::Result<Node> {
        let accessible = self.proxy(object, "org.a11y.atspi.Accessible")?;
        Ok(Node {
            role: accessible.call("GetRoleName", &())?,
            name: accessible.get_property("Name")?,
            sensitive: self.has_state(object, SENSITIVE)?,
            area: self
                .proxy(object, "org.a11y.atspi.Component")?
                .call("GetExtents", &(SCREEN,))
                .unwrap_or_default(),
        })
    }

    fn has_state(&self, object: &Object, bit: u32) -> zbus::Result<bool> {
        let states: Vec<u32> = self
            .proxy(object, "org.a11y.atspi.Accessible")?
            .call("GetState", &())?;
        Ok(states
            .get(bit as usize / 32)
            .is_some_and(|word| word & (1 << (bit % 32)) != 0))
    }

    fn children(&self, object: &Object) -> zbus::Result<Vec<Object>> {
        self.proxy(object, "org.a11y.atspi.Accessible")?
            .call("GetChildren", &())
    }

    fn proxy<'o>(&self, object: &'o Object, interface: &'static str) -> zbus::Result<Proxy<'o>> {
        zbus::blocking::proxy::Builder::new(&self.0)
            .destination(object.0.as_str())?
            .path(&object.1)?
            .interface(interface)?
            .cache_properties(zbus::proxy::CacheProperties::No)
            .build()
    }
}
