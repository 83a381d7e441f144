//! Hosts and processes, from the collector's `host_metrics` receiver.

use super::{
    common::CPU_ALERTS,
    dashboard::{Dashboard, Row},
    panel::Panel,
    query::{rate_by, sum_by},
    series,
    unit::Unit,
    variable::Variable,
    view::View::{Lines, Stacked},
};

const NO_HOST: &str = "No host metrics: enable the collector's host_metrics receiver";
const NO_PROCESS: &str = "No process of these names: see STAGELIGHT_HOST_PROCESSES";
const UNREADABLE: &str = "The collector may not read processes of other users";
const PROCESS: &str = "host_name, process_executable_name, process_pid";
const PROCESS_LEGEND: &str = "{{host_name}} {{process_executable_name}} {{process_pid}}";

pub(super) fn dashboard() -> Dashboard {
    let hosts = r#"__name__="system_cpu_logical_count""#;
    let executables = r#"__name__="process_threads", host_name=~"$host""#;
    let name = "process_executable_name";
    Dashboard {
        uid: "stagelight-host-and-process",
        title: "Host and process",
        description: "CPU, memory, disks and network of the hosts, and the services' processes.",
        variables: vec![
            Variable::DATASOURCE,
            Variable::label_values("host", "Host", hosts, "host_name", ".+"),
            Variable::label_values("process", "Process", executables, name, ".+"),
        ],
        rows: vec![
            Row::open("Host", host()),
            Row::open("Processes", processes()),
            Row::collapsed("Disks", disks()),
            Row::collapsed("Network", network()),
        ],
        from: "now-1h",
    }
}

/// The hosts of the selected services. "All" includes services without a host label.
pub(super) fn variable_of_services() -> Variable {
    let requests = series::requests().name_matcher();
    let matchers = format!(r#"{requests}, job=~"$job", instance=~"$instance""#);
    Variable::label_values("host", "Host", &matchers, "host_name", ".*")
}

/// The used share of the hosts' CPUs, 0 to 1. Waiting for a disk counts as idle.
pub(super) fn cpu(hosts: &str) -> String {
    let time = |matcher: &str| {
        let selector = format!(r#"system_cpu_time_seconds_total{{host_name=~"{hosts}"{matcher}}}"#);
        rate_by("host_name", &selector)
    };
    format!("1 - {} / {}", time(r#", state=~"idle|wait""#), time(""))
}

/// The used share of the hosts' memory, 0 to 1. Reclaimable caches count as free.
pub(super) fn memory(hosts: &str) -> String {
    let bytes = |name: &str| sum_by("host_name", &format!(r#"{name}{{host_name=~"{hosts}"}}"#));
    let available = bytes("system_linux_memory_available_bytes");
    format!("1 - {available} / {}", bytes("system_memory_limit_bytes"))
}

fn of_host(name: &str) -> String {
    format!(r#"{name}{{host_name=~"$host"}}"#)
}

fn of_process(name: &str) -> String {
    format!(r#"{name}{{host_name=~"$host", process_executable_name=~"$process"}}"#)
}

fn host() -> Vec<Panel> {
    let load = |minutes: &str| {
        let load = format!("system_cpu_load_average_{minutes}m");
        let cores = sum_by("host_name", &of_host("system_cpu_logical_count"));
        format!("{} / {cores}", sum_by("host_name", &of_host(&load)))
    };
    let file_systems = of_host("system_filesystem_utilization_ratio");
    vec![
        Panel::new(Lines, "CPU", Unit::Ratio, NO_HOST)
            .description("Used share of all cores. Above 80 %, latency grows with load.")
            .query(cpu("$host"), "{{host_name}}")
            .alerts(CPU_ALERTS)
            .max(1.0),
        Panel::new(Stacked, "CPU time by state", Unit::Count, NO_HOST)
            .description(
                "Cores by state. High steal: the hypervisor gives the CPU to other machines. High \
                 wait: the disks are slow. High softirq: the network is busy.",
            )
            .query(rate_by("state", &of_host("system_cpu_time_seconds_total")), "{{state}}"),
        Panel::new(Lines, "Load", Unit::Times, NO_HOST)
            .description("Runnable processes per core. Above 1, some wait for a core or a disk.")
            .query(load("1"), "1 m {{host_name}}")
            .query(load("5"), "5 m {{host_name}}")
            .query(load("15"), "15 m {{host_name}}")
            .limits(1.0, 2.0),
        Panel::new(Lines, "Memory", Unit::Ratio, NO_HOST)
            .description(
                "Used share of the memory, without reclaimable caches. At 100 %, the kernel kills \
                 processes.",
            )
            .query(memory("$host"), "{{host_name}}")
            .alerts(&["HighMemory", "CriticalMemory"])
            .max(1.0),
        Panel::new(Stacked, "Memory by state", Unit::Bytes, NO_HOST)
            .description("Used, cached, buffered and free memory.")
            .query(sum_by("state", &of_host("system_memory_usage_bytes")), "{{state}}"),
        Panel::new(Lines, "File systems", Unit::Ratio, "No file system metrics")
            .description(
                "Used share of each file system, including those of the collector's queue and \
                 Prometheus' data.",
            )
            .query(
                format!("max by (host_name, mountpoint) ({file_systems})"),
                "{{host_name}} {{mountpoint}}",
            )
            .alerts(&["DiskAlmostFull"])
            .max(1.0),
    ]
}

fn processes() -> Vec<Panel> {
    let sum = |name: &str| sum_by(PROCESS, &of_process(name));
    vec![
        Panel::new(Lines, "CPU time by process", Unit::Count, NO_PROCESS)
            .description("Cores in use by each process.")
            .query(rate_by(PROCESS, &of_process("process_cpu_time_seconds_total")), PROCESS_LEGEND),
        Panel::new(Lines, "Memory by process", Unit::Bytes, NO_PROCESS)
            .description("Resident memory. Growth without end is a leak.")
            .query(sum("process_memory_usage_bytes"), PROCESS_LEGEND),
        Panel::new(Lines, "Threads by process", Unit::Count, NO_PROCESS)
            .description("Growth indicates blocking work that piles up.")
            .query(sum("process_threads"), PROCESS_LEGEND),
        Panel::new(Lines, "Open files by process", Unit::Count, UNREADABLE)
            .description("Files and sockets. Growth without end: connections are not closed.")
            .query(sum("process_open_file_descriptors"), PROCESS_LEGEND),
        Panel::new(Lines, "Uptime by process", Unit::Seconds, NO_PROCESS)
            .description("Time since the process started. A drop to zero is a restart.")
            .query(sum("process_uptime_seconds"), PROCESS_LEGEND),
        Panel::new(Lines, "Disk traffic by process", Unit::BytesPerSecond, UNREADABLE)
            .description("Bytes read from and written to disks.")
            .query(
                rate_by(
                    "process_executable_name, direction",
                    &of_process("process_disk_io_bytes_total"),
                ),
                "{{process_executable_name}} {{direction}}",
            ),
    ]
}

/// The legend of [`by_device`].
const DEVICE_LEGEND: &str = "{{device}} {{direction}}";

fn by_device(counter: &str) -> String {
    rate_by("device, direction", &of_host(counter))
}

fn disks() -> Vec<Panel> {
    let no_disk = "No disk metrics";
    let (operations, time) = (
        by_device("system_disk_operations_total"),
        by_device("system_disk_operation_time_seconds_total"),
    );
    let io_time = of_host("system_disk_io_time_seconds_total");
    vec![
        Panel::new(Lines, "Disk traffic", Unit::BytesPerSecond, no_disk)
            .description("Bytes read and written.")
            .query(by_device("system_disk_io_bytes_total"), DEVICE_LEGEND),
        Panel::new(Lines, "Disk operations", Unit::PerSecond, no_disk)
            .description("Reads and writes.")
            .query(operations.as_str(), DEVICE_LEGEND),
        Panel::new(Lines, "Disk utilization", Unit::Ratio, no_disk)
            .description(
                "Share of time with at least one operation. Disks that run operations in parallel \
                 have capacity left at 100 %.",
            )
            .query(
                format!("max by (host_name, device) (rate({io_time}[$__rate_interval]))"),
                "{{host_name}} {{device}}",
            )
            .limits(0.8, 0.95),
        Panel::new(Lines, "Disk operation latency", Unit::Seconds, no_disk)
            .description("Mean time of an operation, including time in the queue.")
            .query(format!("{time} / ({operations} > 0)"), DEVICE_LEGEND)
            .limits(0.02, 0.1),
    ]
}

fn network() -> Vec<Panel> {
    let no_network = "No network interface metrics";
    vec![
        Panel::new(Lines, "Network traffic", Unit::BytesPerSecond, no_network)
            .description("Bytes received and transmitted, by interface.")
            .query(by_device("system_network_io_bytes_total"), DEVICE_LEGEND),
        Panel::new(Lines, "Network packets", Unit::PerSecond, no_network)
            .description("Packets received and transmitted, by interface.")
            .query(by_device("system_network_packets_total"), DEVICE_LEGEND),
        Panel::new(Lines, "Network errors and drops", Unit::PerSecond, no_network)
            .description("Corrupt packets, and packets dropped under load. Should be 0.")
            .query(by_device("system_network_errors_total"), "errors {{device}} {{direction}}")
            .query(by_device("system_network_dropped_total"), "drops {{device}} {{direction}}")
            .red_from(1.0),
        Panel::new(Stacked, "TCP connections", Unit::Count, NO_HOST)
            .description(
                "By state. Many in CLOSE_WAIT: a program does not close them. Many in TIME_WAIT: \
                 connections are not reused.",
            )
            .query(sum_by("state", &of_host("system_network_connections")), "{{state}}"),
    ]
}
