//! The types and traits that `wit` stands for, made by wasmtime. Nothing outside this crate sees them.

/// The world of receivers as this host serves it, with the host's own package, which the others share.
pub(crate) mod receiver {
    wasmtime::component::bindgen!({
        path: ["../../wit/host", "../../wit/receiver"],
        inline: "
            package bellwether:served@0.1.0;
            world receiver-plugin {
              include bellwether:receiver/receiver-plugin@0.1.0;
              import bellwether:host/kv@0.1.0;
            }
        ",
        world: "bellwether:served/receiver-plugin",
        imports: { default: async | trappable },
        exports: { default: async },
    });
}

/// The world of drivers.
pub(crate) mod driver {
    wasmtime::component::bindgen!({
        path: ["../../wit/host", "../../wit/driver"],
        world: "bellwether:driver/driver-plugin",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "bellwether:host/types": super::receiver::bellwether::host::types,
            "bellwether:host/log": super::receiver::bellwether::host::log,
        },
    });
}

/// The world of detectors, with the models that not all of them have.
pub(crate) mod detector {
    wasmtime::component::bindgen!({
        path: ["../../wit/host", "../../wit/detector"],
        world: "bellwether:detector/detector-plugin-full",
        imports: { default: async | trappable },
        exports: { default: async },
        // Windows are long, and the columns of the host have the very layout that the guest gets.
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "bellwether:host/types": super::receiver::bellwether::host::types,
            "bellwether:host/log": super::receiver::bellwether::host::log,
        },
    });
}

pub(crate) use receiver::bellwether::host;
