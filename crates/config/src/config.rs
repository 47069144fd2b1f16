//! The whole file.

use crate::diagnostic::{ConfigErrors, Diagnostic, Problem, Severity};
use crate::group::GroupShape;
use crate::load::{LoadOptions, Loaded};
use crate::pool::{Pool, PoolShape};
use crate::read::keys::Keys;
use crate::read::table::{Table, elements, entries};
use crate::read::{Reader, Value};
use crate::rule::RuleShape;
use crate::schema::Named;
use crate::service::{Service, ServiceShape};
use crate::source::{Source, Span};
use crate::supervisor::{self, Supervisor, SupervisorShape};
use crate::syntax::{self, Document};
use crate::units::{self, Tables, Units};
use hearken_core::policy::GroupPolicy;
use schemars::JsonSchema;
use std::path::{Path, PathBuf};

/// A config without a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The daemon itself.
    pub supervisor: Supervisor,
    /// Every service, in the order of the file; its place here is its `UnitIndex` in the core.
    pub services: Vec<Service>,
    /// Every pool, in the order of the file; its `UnitIndex` is its place here behind all services.
    pub pools: Vec<Pool>,
    /// Every group, in the order of the file; its place here is its `GroupIndex` in the core.
    pub groups: Vec<GroupPolicy>,
    /// The folder of the file, absolute: what relative paths started from.
    pub directory: PathBuf,
    /// The file, absolute.
    pub path: PathBuf,
}

pub(crate) const KEYS: Keys = Keys {
    place: "the top of the file",
    shape: "Config",
    known: &["supervisor", "service", "pool", "rule", "group"],
    later: &["include", "user", "store", "defaults", "hook"],
    aliases: &[
        ("services", "service"),
        ("program", "service"),
        ("programs", "service"),
        ("unit", "service"),
        ("units", "service"),
        ("process", "service"),
        ("pools", "pool"),
        ("worker", "pool"),
        ("workers", "pool"),
        ("queue", "pool"),
        ("queues", "pool"),
        ("rules", "rule"),
        ("groups", "group"),
        ("daemon", "supervisor"),
        ("hearken", "supervisor"),
    ],
};

/// A config of hearken, a process supervisor that listens to its children.
#[derive(JsonSchema)]
#[schemars(rename = "Config", deny_unknown_fields, transform = crate::schema::optional)]
#[schemars(extend("anyOf" = [{ "required": ["service"] }, { "required": ["pool"] }]))]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct ConfigShape {
    /// The daemon itself.
    supervisor: SupervisorShape,
    /// The programs it keeps running, by name.
    #[schemars(extend("minProperties" = 1))]
    service: Named<ServiceShape>,
    /// The programs whose processes work on tasks, by name.
    #[schemars(extend("minProperties" = 1))]
    pool: Named<PoolShape>,
    /// What follows from what any of them says and how it ends, behind its own rules.
    rule: Vec<RuleShape>,
    /// Services that restart together, by name.
    group: Named<GroupShape>,
}

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// Everything that is wrong with it, all at once.
    pub fn load(path: &Path, options: &LoadOptions) -> Result<Loaded, ConfigErrors> {
        crate::load::load(path, options)
    }

    /// Reads `text` as if it stood in a file called `name`, which need not exist.
    ///
    /// # Errors
    /// Everything that is wrong with it, all at once.
    pub fn parse(name: &str, text: &str, options: &LoadOptions) -> Result<Loaded, ConfigErrors> {
        read(Path::new(name), text, options, Vec::new())
    }

    /// What is run, in the order of `UnitIndex`: every service, then every pool.
    pub fn units(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().chain(self.pools.iter().map(|pool| &pool.unit))
    }
}

/// Reads a text; `found` is what was found wrong with its file.
pub(crate) fn read(
    path: &Path,
    text: &str,
    options: &LoadOptions,
    mut found: Vec<Diagnostic>,
) -> Result<Loaded, ConfigErrors> {
    let name = path.display().to_string();
    // Only an empty path has no absolute form.
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let directory = absolute.parent().unwrap_or(Path::new("/")).to_path_buf();
    let mut reader = Reader::new(Source::new(name, text), &directory, &options.variables);

    let mended = syntax::mend(&mut reader, text);
    let document = syntax::parse(&mut reader, &mended);
    let (supervisor, units) = file(&mut reader, &document);
    found.extend(reader.into_found());
    match units {
        Some(Units { services, pools, groups })
            if found.iter().all(|d| d.severity == Severity::Warning) =>
        {
            let path = absolute;
            let config = Config { supervisor, services, pools, groups, directory, path };
            Ok(Loaded { config, warnings: found })
        }
        Some(_) | None => Err(ConfigErrors::new(found)),
    }
}

fn file(reader: &mut Reader<'_>, document: &Document<'_>) -> (Supervisor, Option<Units>) {
    let start = Span { start: 0, end: 0 };
    let mut table = Table::open(document.table.get_ref(), start, "the file", &KEYS);
    let supervisor = table.take("supervisor");
    let (services, pools) = (table.take("service"), table.take("pool"));
    let (rules, groups) = (table.take("rule"), table.take("group"));
    table.close(reader);

    let tables = Tables {
        services: named(reader, services, "web"),
        pools: named(reader, pools, "thumbnails"),
        groups: named(reader, groups, "backend"),
        rules,
    };
    let named = tables.services.iter().chain(&tables.pools).chain(&tables.groups);
    let starts = supervisor.iter().chain(named).map(|it| it.key_span.start);
    let elements = rules.and_then(elements).unwrap_or_default();
    let damage = document.damage(starts.chain(elements.iter().map(|rule| rule.span.start)));
    let supervisor = match supervisor {
        Some(value) if !damage.hits(value.key_span.start) => supervisor::read(reader, value),
        Some(_) | None => Supervisor::default(),
    };
    (supervisor, units::read(reader, &tables, &damage, document.named))
}

/// The tables in a table of tables; `example` is a name that one could have.
fn named<'t>(reader: &mut Reader<'_>, value: Option<Value<'t>>, example: &str) -> Vec<Value<'t>> {
    let Some(value) = value else {
        return Vec::new();
    };
    if let Some(table) = value.toml.as_table() {
        return entries(table);
    }
    let key = value.key;
    let message = format!("`{key}` must be a table of {key}s");
    let help = format!("a {key} has a name: [{key}.{example}]");
    reader.error(Problem::new(value.key_span, message, help));
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{problems, refuses};
    use hearken_core::policy::{RestartWhen, Until};

    #[test]
    fn a_whole_config() {
        let text = r#"
            [supervisor]
            log = "debug"
            [service.web]
            command = ["php", "server.php"]
            environment = { APP_ENV = "${STAGE:-prod}" }
            instances = 2
            after = [{ name = "db", until = "started" }]
            restart = "always"
            [service.db]
            shell = "exec db"
        "#;
        let loaded = Config::parse("/etc/hearken.toml", text, &LoadOptions::default());
        let config = loaded.map_err(|e| e.render(false)).unwrap().config;
        let names: Vec<&str> = config.services.iter().map(|s| s.policy.name.as_str()).collect();
        assert_eq!(names, ["web", "db"]);
        let web = &config.services[0];
        assert_eq!((web.policy.instances, web.policy.restart.when), (2, RestartWhen::Always));
        assert_eq!(web.policy.after[0].unit.0, 1);
        assert_eq!(web.policy.after[0].until, Until::Started);
        assert_eq!(web.environment["APP_ENV"], "prod");
        assert_eq!(web.directory, Path::new("/etc"));
        assert_eq!(config.path, Path::new("/etc/hearken.toml"));
    }

    #[test]
    fn nothing_to_run_is_an_error_with_an_example() {
        for text in ["", "# nothing\n", "[supervisor]\nlog = \"debug\"\n", "[service]\n"] {
            let found = problems(text);
            let shown = found[0].render(false);
            assert!(shown.contains("no service and no pool is declared"), "{text}\n{shown}");
            assert!(shown.contains("--> /etc/hearken/hearken.toml\n"), "{shown}");
            for line in ["[service.web]", "command = [\"python3\"", "restart = \"on_failure\""] {
                assert!(shown.contains(line), "{shown}");
            }
            assert_eq!(found.len(), 1);
        }
    }

    #[test]
    fn other_tables() {
        let web = "[service.web]\ncommand = [\"x\"]\n";
        let table = [
            (
                "[services.api]\n",
                ["1:2", "services", "unknown key `services`", "calls it `service`"],
            ),
            (
                "[serivce.api]\n",
                ["1:2", "serivce", "unknown key `serivce`", "did you mean `service`?"],
            ),
            ("[[rules]]\n", ["1:3", "rules", "unknown key `rules`", "calls it `rule`"]),
            ("[groups.x]\n", ["1:2", "groups", "unknown key `groups`", "calls it `group`"]),
            ("[[group]]\n", ["1:3", "group", "must be a table of groups", "[group.backend]"]),
            ("health = {}\n", ["1:1", "health", "unknown key", "belongs in [service.NAME]"]),
            ("command = [\"x\"]\n", ["1:1", "command", "unknown key", "belongs in [service.NAME]"]),
        ];
        for (text, expected) in table {
            refuses(&format!("{text}{web}"), expected);
        }
    }

    #[test]
    fn the_structured_view_says_the_same() {
        let found = problems("[service.a]\ncommand = 3\n");
        let json = serde_json::to_value(&found[0]).unwrap();
        assert_eq!(json["severity"], "error");
        assert_eq!(json["file"], "/etc/hearken/hearken.toml");
        assert_eq!((json["line"].as_u64(), json["column"].as_u64()), (Some(2), Some(11)));
        assert_eq!(json["message"], "`command` must be an array of strings, not an integer");
        assert_eq!(json["help"], "write command = [\"program\", \"argument\"]");
        assert_eq!(json.as_object().unwrap().len(), 6);
        let line = found[0].to_string();
        assert!(line.starts_with("/etc/hearken/hearken.toml:2:11: `command` must be"), "{line}");
    }

    #[test]
    fn colour_is_only_colour() {
        let errors = crate::testing::parse("[service.a]\ncommand = 3\n").unwrap_err();
        let (plain, colour) = (errors.render(false), errors.render(true));
        assert!(!plain.contains('\u{1b}') && colour.contains('\u{1b}'));
        let bare: String = colour
            .split('\u{1b}')
            .enumerate()
            .map(|(n, part)| if n == 0 { part } else { part.split_once('m').unwrap().1 })
            .collect();
        assert_eq!(bare, plain);
    }
}
