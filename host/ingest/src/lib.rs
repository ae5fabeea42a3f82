//! Samples that come over HTTP: scraping Prometheus text endpoints, and remote-write.
//!
//! [`config`] is what the user writes, [`scrape`] decides what a scraped page means for storage, [`scraper`] is the
//! shell with one task per target, [`remote_write`] decodes pushed bodies. Writes through
//! [`bellwether_model::Appender`]; knows neither storage nor the server that receives the pushes.

pub mod config;
pub mod metadata;
pub mod remote_write;
pub mod scrape;
pub mod scraper;

pub use config::{ScrapeConfig, ScrapeGlobals, ScrapeJob, Target};
pub use metadata::{Families, FamilyMetadata};
pub use scraper::{Scraper, ScraperOptions, TargetHealth, TargetStatus};
