//! The desktop's tray: a status notifier watcher and host, as a panel is one, that reads the app's item and
//! clicks in its menu.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use zbus::{
    blocking::{Connection, Proxy, connection},
    zvariant::{OwnedObjectPath, OwnedValue, Value},
};

use super::{desktop::Desktop, wait::wait_for};

/// A tray that holds what programs put into it.
pub struct Tray {
    connection: Connection,
    /// Bus name and path of each item.
    items: Arc<Mutex<Vec<(String, String)>>>,
}

struct Watcher {
    items: Arc<Mutex<Vec<(String, String)>>>,
}

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    /// Programs name themselves by a bus name, or the path of the item on their own connection.
    fn register_status_notifier_item(
        &self,
        service: &str,
        #[zbus(header)] header: zbus::message::Header<'_>,
    ) {
        let sender = header.sender().map(ToString::to_string).unwrap_or_default();
        let item = if service.starts_with('/') {
            (sender, service.to_owned())
        } else {
            (service.to_owned(), "/StatusNotifierItem".to_owned())
        };
        self.items.lock().unwrap().push(item);
    }

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }
}

impl Tray {
    /// Puts a tray on the desktop. Before the app.
    pub fn start(desktop: &Desktop) -> Self {
        let items = Arc::default();
        let watcher = Watcher {
            items: Arc::clone(&items),
        };
        let connection = connection::Builder::address(desktop.bus_address())
            .and_then(|builder| builder.serve_at("/StatusNotifierWatcher", watcher))
            .and_then(|builder| builder.name("org.kde.StatusNotifierWatcher"))
            .and_then(connection::Builder::build)
            .unwrap_or_else(|error| panic!("no tray: {error}"));
        Self { connection, items }
    }

    /// The words in the item's menu, from above.
    pub fn menu(&self) -> Vec<String> {
        self.entries()
            .map(|entries| entries.into_iter().map(|(_, label)| label).collect())
            .unwrap_or_default()
    }

    /// Clicks the menu's entry that says `label`, once it does.
    pub fn click(&self, label: &str) {
        let (id, menu) = wait_for(&format!("{label:?} in the tray's menu"), || {
            let (id, _) = self
                .entries()?
                .into_iter()
                .find(|(_, found)| found == label)?;
            Some((id, self.menu_proxy()?))
        });
        menu.call_method("Event", &(id, "clicked", Value::from(0i32), 0u32))
            .unwrap_or_else(|error| panic!("the menu takes no click: {error}"));
    }

    /// The words beside the icon.
    pub fn label(&self) -> String {
        self.item()
            .and_then(|item| item.get_property("XAyatanaLabel").ok())
            .unwrap_or_default()
    }

    fn entries(&self) -> Option<Vec<(i32, String)>> {
        type Node = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);
        let menu = self.menu_proxy()?;
        let _: bool = menu.call("AboutToShow", &(0i32,)).ok()?;
        let (_, root): (u32, Node) = menu
            .call("GetLayout", &(0i32, -1i32, Vec::<&str>::new()))
            .ok()?;
        let entries = root.2.into_iter().filter_map(|child| {
            let (id, properties, _): Node = child.try_into().ok()?;
            let label = properties.get("label")?.downcast_ref::<&str>().ok()?;
            // An underscore marks a key.
            Some((id, label.replace('_', "")))
        });
        Some(entries.collect())
    }

    fn menu_proxy(&self) -> Option<Proxy<'static>> {
        let item = self.item()?;
        let path: OwnedObjectPath = item.get_property("Menu").ok()?;
        self.proxy(
            item.destination().to_string(),
            path.to_string(),
            "com.canonical.dbusmenu",
        )
    }

    fn item(&self) -> Option<Proxy<'static>> {
        let (name, path) = self.items.lock().unwrap().first()?.clone();
        self.proxy(name, path, "org.kde.StatusNotifierItem")
    }

    fn proxy(&self, name: String, path: String, interface: &'static str) -> Option<Proxy<'static>> {
        zbus::blocking::proxy::Builder::new(&self.connection)
            .destination(name)
            .and_then(|builder| builder.path(path))
            .and_then(|builder| builder.interface(interface))
            .ok()?
            .cache_properties(zbus::proxy::CacheProperties::No)
            .build()
            .ok()
    }
}
