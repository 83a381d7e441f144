//! A dashboard: rows of panels, variables, annotations, links.

use serde_json::{Value, json};

use super::{panel::Panel, variable::Variable};

/// The tag of every dashboard; the links between them select by it.
const TAG: &str = "stagelight";
/// The version of the classic format that Grafana 12 and 13 read without migration.
const SCHEMA_VERSION: u32 = 42;
const COLUMNS: u8 = 24;

/// A dashboard in Grafana's classic format.
#[derive(Clone, Debug)]
pub(crate) struct Dashboard {
    /// Never changes: links and bookmarks contain it.
    pub(crate) uid: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) variables: Vec<Variable>,
    pub(crate) rows: Vec<Row>,
    /// The start of the default time range: `now-1h`.
    pub(crate) from: &'static str,
}

/// A heading and its panels.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    title: &'static str,
    collapsed: bool,
    panels: Vec<Panel>,
}

/// Assigns ids and positions, left to right and top to bottom.
#[derive(Debug, Default)]
struct Grid {
    last_id: u32,
    x: u8,
    y: u32,
    /// The height of the current line.
    height: u8,
}

// === impl Dashboard ===

impl Dashboard {
    /// Returns the file name.
    pub(crate) fn file(&self) -> String {
        format!("{}.json", self.uid.trim_start_matches("stagelight-"))
    }

    /// Returns the dashboard as Grafana reads it.
    pub(crate) fn to_json(&self) -> Value {
        let mut grid = Grid::default();
        let variables: Vec<_> = self.variables.iter().map(Variable::to_json).collect();
        let panels: Vec<_> = self.rows.iter().flat_map(|row| row.to_json(&mut grid)).collect();
        json!({
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": false,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": self.from, "to": "now"},
            "timepicker": {},
            "timezone": "browser",
            "weekStart": "",
            "fiscalYearStartMonth": 0,
            "templating": {"list": variables},
            "annotations": {"list": self.annotations()},
            "links": [links()],
            "panels": panels,
        })
    }

    /// Returns the events drawn across all panels: firing alerts and new versions.
    fn annotations(&self) -> Vec<Value> {
        let has = |name| self.variables.iter().any(|it| it.name() == name);
        let of = if has("job") { r#"job=~"$job", "# } else { "" };
        // Dashboards about services show alerts of the selected jobs and of no job.
        let alerts = if has("endpoint") { r#", job=~"$job|""# } else { "" };
        let version =
            format!(r#"max by (job, service_version) (target_info{{{of}service_version!=""}})"#);
        let before = version.replace("})", "} offset 5m)");
        vec![
            json!({
                "name": "Annotations & Alerts",
                "type": "dashboard",
                "builtIn": 1,
                "datasource": {"type": "grafana", "uid": "-- Grafana --"},
                "enable": true,
                "hide": true,
                "iconColor": "rgba(0, 211, 255, 1)",
            }),
            annotation(
                "Firing alerts",
                "red",
                &format!(
                    r#"max by (alertname, severity, job) (ALERTS{{alertstate="firing"{alerts}}})"#
                ),
                "{{alertname}}",
                "{{severity}} {{job}}",
            ),
            annotation(
                "New versions",
                "blue",
                &format!("{version}\nunless\n{before}"),
                "{{job}} {{service_version}}",
                "First seen within the last five minutes.",
            ),
        ]
    }
}

// === impl Row ===

impl Row {
    /// Creates a row that is open at first.
    pub(crate) fn open(title: &'static str, panels: Vec<Panel>) -> Self {
        Self { title, collapsed: false, panels }
    }

    /// Creates a row whose panels are queried once it is opened.
    pub(crate) fn collapsed(title: &'static str, panels: Vec<Panel>) -> Self {
        Self { title, collapsed: true, panels }
    }

    fn to_json(&self, grid: &mut Grid) -> Vec<Value> {
        let heading = grid.heading();
        let mut row = json!({
            "id": grid.next_id(),
            "type": "row",
            "title": self.title,
            "collapsed": self.collapsed,
            "gridPos": {"x": 0, "y": heading, "w": COLUMNS, "h": 1},
            "panels": [],
        });
        let panels: Vec<_> = self.panels.iter().map(|it| grid.place(it)).collect();
        grid.finish_line();
        if self.collapsed {
            // The next row follows the heading.
            grid.y = heading + 1;
            row["panels"] = panels.into();
            vec![row]
        } else {
            [vec![row], panels].concat()
        }
    }
}

// === impl Grid ===

impl Grid {
    fn next_id(&mut self) -> u32 {
        self.last_id += 1;
        self.last_id
    }

    fn heading(&mut self) -> u32 {
        let y = self.y;
        self.y += 1;
        y
    }

    fn place(&mut self, panel: &Panel) -> Value {
        if COLUMNS < self.x.saturating_add(panel.width) {
            self.finish_line();
        }
        let json = panel.to_json(self.next_id(), self.x, self.y);
        self.x += panel.width;
        self.height = self.height.max(panel.height);
        json
    }

    fn finish_line(&mut self) {
        self.y += u32::from(self.height);
        (self.x, self.height) = (0, 0);
    }
}

/// An annotation with one event per value of a query.
fn annotation(name: &str, color: &str, query: &str, title: &str, text: &str) -> Value {
    let datasource = json!({"type": "prometheus", "uid": "${datasource}"});
    json!({
        "name": name,
        "datasource": datasource,
        "enable": true,
        "hide": false,
        "iconColor": color,
        "target": {
            "refId": "Anno",
            "datasource": datasource,
            "expr": query,
            "interval": "60s",
        },
        "titleFormat": title,
        "textFormat": text,
        "tagKeys": "job,severity",
    })
}

/// The drop-down of the bundle's dashboards; keeps time range and variables.
fn links() -> Value {
    json!({
        "type": "dashboards",
        "title": "stagelight",
        "tags": [TAG],
        "asDropdown": true,
        "keepTime": true,
        "includeVars": true,
        "targetBlank": false,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    })
}

#[cfg(test)]
mod tests {
    use super::super::{unit::Unit, view::View};
    use super::*;

    #[test]
    fn panels_wrap_at_the_width_of_the_grid_and_ids_are_unique() {
        let panels = |widths: &[u8]| {
            let panel = |&width: &u8| Panel::new(View::Stats, "", Unit::Count, "").size(width, 5);
            widths.iter().map(panel).collect()
        };
        let mut grid = Grid::default();
        let mut json = Row::collapsed("", panels(&[24])).to_json(&mut grid);
        json.extend(Row::open("", panels(&[12, 12, 8])).to_json(&mut grid));

        let place = |it: &Value| {
            (it["id"].as_u64(), it["gridPos"]["x"].as_u64(), it["gridPos"]["y"].as_u64())
        };
        let places: Vec<_> = json.iter().map(place).collect();
        // Ids, x and y of two headings and three panels; the collapsed panel has id 2.
        let expected = [(1, 0, 0), (3, 0, 1), (4, 0, 2), (5, 12, 2), (6, 0, 7)];
        assert_eq!(places, expected.map(|(id, x, y)| (Some(id), Some(x), Some(y))));
        assert_eq!(json[0]["panels"][0]["id"], 2);
    }
}
