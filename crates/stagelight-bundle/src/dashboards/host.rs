//! The machine and the processes on it, as the collector's `host_metrics` receiver tells of them.

use super::{
    dashboard::{Dashboard, Row},
    limits,
    panel::{Panel, View},
    unit::Unit,
    variable::Variable,
};

const NO_HOST: &str = "No host metrics: is the collector's host_metrics receiver on?";
const NO_PROCESS: &str = "No process of these names: see STAGELIGHT_HOST_PROCESSES";

/// The machines that the chosen services run on.
pub(super) fn of_services() -> Variable {
    let of = r#"__name__=~"request_duration_seconds(_count)?", job=~"$job", instance=~"$instance""#;
    // Whatever matches nothing too: not every service tells its machine.
    Variable::values("host", "Host", of, "host_name", ".*")
}

/// Used part of the processors of some machines, 0 to 1. Waiting for a disk is not use.
pub(super) fn cpu(hosts: &str) -> String {
    let time = |matcher: &str| {
        format!(
            r#"sum by (host_name) (rate(system_cpu_time_seconds_total{{host_name=~"{hosts}"{matcher}}}[$__rate_interval]))"#
        )
    };
    format!("1 - {} / {}", time(r#", state=~"idle|wait""#), time(""))
}

/// Used part of the memory of some machines, 0 to 1. Caches that the kernel would give back are not use.
pub(super) fn memory(hosts: &str) -> String {
    let bytes = |name: &str| format!(r#"sum by (host_name) ({name}{{host_name=~"{hosts}"}})"#);
    format!(
        "1 - {} / {}",
        bytes("system_linux_memory_available_bytes"),
        bytes("system_memory_limit_bytes")
    )
}

pub(super) fn dashboard() -> Dashboard {
    let host = Variable::values(
        "host",
        "Host",
        r#"__name__="system_cpu_logical_count""#,
        "host_name",
        ".+",
    );
    let process = Variable::values(
        "process",
        "Process",
        r#"__name__="process_threads", host_name=~"$host""#,
        "process_executable_name",
        ".+",
    );
    Dashboard {
        uid: "stagelight-host-and-process",
        title: "Host and process",
        description: "Whether the machine is the reason: processor, memory, disks, network, and the processes of the services on it.",
        variables: vec![Variable::DATASOURCE, host, process],
        rows: vec![
            Row::open("Machine", machine()),
            Row::open("Processes", processes()),
            Row::collapsed("Disks", disks()),
            Row::collapsed("Network", network()),
        ],
        from: "now-1h",
    }
}

/// A gauge, summed by labels; or a counter's growth a second, where `rate` says so.
fn of_host(name: &str, by: &str) -> String {
    format!(r#"sum by ({by}) ({name}{{host_name=~"$host"}})"#)
}

fn rate_of_host(name: &str, by: &str) -> String {
    format!(r#"sum by ({by}) (rate({name}{{host_name=~"$host"}}[$__rate_interval]))"#)
}

fn of_process(name: &str) -> String {
    format!("sum by (host_name, process_executable_name, process_pid) ({name}{{{PROCESS}}})")
}

fn rate_of_process(name: &str, by: &str) -> String {
    format!("sum by ({by}) (rate({name}{{{PROCESS}}}[$__rate_interval]))")
}

const PROCESS: &str = r#"host_name=~"$host", process_executable_name=~"$process""#;
const BY_PROCESS: &str = "{{host_name}} {{process_executable_name}} {{process_pid}}";

fn machine() -> Vec<Panel> {
    vec![
        Panel::new(View::Lines, "Processor", Unit::Ratio, NO_HOST)
            .about("Used part of all cores. Above 80 %, latency grows with every request more.")
            .query(cpu("$host"), "{{host_name}}")
            .alerts(limits::CPU)
            .max(1.0),
        Panel::new(View::Stacked, "Processor time by state", Unit::Count, NO_HOST)
            .about("Cores busy with what. Much of steal: the hypervisor gives the processor to others. Much of wait: the disks are slow. Much of softirq: the network is busy.")
            .query(rate_of_host("system_cpu_time_seconds_total", "state"), "{{state}}"),
        Panel::new(View::Lines, "Load", Unit::Times, NO_HOST)
            .about("Processes that run or want to, for each core: above 1, some wait for a core or a disk.")
            .query(
                format!("{} / {}", of_host("system_cpu_load_average_1m", "host_name"), of_host("system_cpu_logical_count", "host_name")),
                "1 m {{host_name}}",
            )
            .query(
                format!("{} / {}", of_host("system_cpu_load_average_5m", "host_name"), of_host("system_cpu_logical_count", "host_name")),
                "5 m {{host_name}}",
            )
            .query(
                format!("{} / {}", of_host("system_cpu_load_average_15m", "host_name"), of_host("system_cpu_logical_count", "host_name")),
                "15 m {{host_name}}",
            )
            .limits(1.0, 2.0),
        Panel::new(View::Lines, "Memory", Unit::Ratio, NO_HOST)
            .about("Used part of the memory, without caches that the kernel would give back. At 100 % it ends processes.")
            .query(memory("$host"), "{{host_name}}")
            .alerts(limits::MEMORY)
            .max(1.0),
        Panel::new(View::Stacked, "Memory by state", Unit::Bytes, NO_HOST)
            .about("What the memory is used for.")
            .query(of_host("system_memory_usage_bytes", "state"), "{{state}}"),
        Panel::new(View::Lines, "File systems", Unit::Ratio, "No file system is watched here")
            .about("Used part of each file system. The collector's queue and Prometheus' data are on one of them.")
            .query(
                r#"max by (host_name, mountpoint) (system_filesystem_utilization_ratio{host_name=~"$host"})"#.to_owned(),
                "{{host_name}} {{mountpoint}}",
            )
            .alerts(limits::DISK)
            .max(1.0),
    ]
}

fn processes() -> Vec<Panel> {
    vec![
        Panel::new(View::Lines, "Processor time by process", Unit::Count, NO_PROCESS)
            .about("Cores that each process keeps busy.")
            .query(
                rate_of_process(
                    "process_cpu_time_seconds_total",
                    "host_name, process_executable_name, process_pid",
                ),
                BY_PROCESS,
            ),
        Panel::new(View::Lines, "Memory by process", Unit::Bytes, NO_PROCESS)
            .about("Resident memory. A slope that does not end is a leak.")
            .query(of_process("process_memory_usage_bytes"), BY_PROCESS),
        Panel::new(View::Lines, "Threads by process", Unit::Count, NO_PROCESS)
            .about("Growing threads are blocking work that piles up.")
            .query(of_process("process_threads"), BY_PROCESS),
        Panel::new(
            View::Lines,
            "Open files by process",
            Unit::Count,
            "Not readable: the collector has no right to other users' processes",
        )
        .about("Files and sockets. Growing without end, connections are not closed.")
        .query(of_process("process_open_file_descriptors"), BY_PROCESS),
        Panel::new(View::Lines, "Uptime by process", Unit::Seconds, NO_PROCESS)
            .about("Since when a process runs: a fall to zero is a restart.")
            .query(of_process("process_uptime_seconds"), BY_PROCESS),
        Panel::new(
            View::Lines,
            "Disk traffic by process",
            Unit::BytesPerSecond,
            "Not readable: the collector has no right to other users' processes",
        )
        .about("Bytes that processes read from and wrote to disks.")
        .query(
            rate_of_process("process_disk_io_bytes_total", "process_executable_name, direction"),
            "{{process_executable_name}} {{direction}}",
        ),
    ]
}

fn disks() -> Vec<Panel> {
    let no_disk = "No disk is watched here";
    vec![
        Panel::new(View::Lines, "Disk traffic", Unit::BytesPerSecond, no_disk)
            .about("Bytes read and written.")
            .query(rate_of_host("system_disk_io_bytes_total", "device, direction"), "{{device}} {{direction}}"),
        Panel::new(View::Lines, "Disk operations", Unit::PerSecond, no_disk)
            .about("Reads and writes.")
            .query(rate_of_host("system_disk_operations_total", "device, direction"), "{{device}} {{direction}}"),
        Panel::new(View::Lines, "Disk busy", Unit::Ratio, no_disk)
            .about("Part of the time in which a disk had something to do. Disks that do many things at once are not full at 100 %.")
            .query(
                r#"max by (host_name, device) (rate(system_disk_io_time_seconds_total{host_name=~"$host"}[$__rate_interval]))"#.to_owned(),
                "{{host_name}} {{device}}",
            )
            .limits(0.8, 0.95),
        Panel::new(View::Lines, "Time of a disk operation", Unit::Seconds, no_disk)
            .about("Mean time from asking to having, waiting included.")
            .query(
                format!(
                    "{} / ({} > 0)",
                    rate_of_host("system_disk_operation_time_seconds_total", "device, direction"),
                    rate_of_host("system_disk_operations_total", "device, direction"),
                ),
                "{{device}} {{direction}}",
            )
            .limits(0.02, 0.1),
    ]
}

fn network() -> Vec<Panel> {
    let no_network = "No network interface is watched here";
    vec![
        Panel::new(View::Lines, "Network traffic", Unit::BytesPerSecond, no_network)
            .about("Bytes received and transmitted, by interface.")
            .query(rate_of_host("system_network_io_bytes_total", "device, direction"), "{{device}} {{direction}}"),
        Panel::new(View::Lines, "Network packets", Unit::PerSecond, no_network)
            .about("Packets received and transmitted, by interface.")
            .query(rate_of_host("system_network_packets_total", "device, direction"), "{{device}} {{direction}}"),
        Panel::new(View::Lines, "Network errors and drops", Unit::PerSecond, no_network)
            .about("Packets that were broken, or that nobody had time for. Should be none.")
            .query(rate_of_host("system_network_errors_total", "device, direction"), "errors {{device}} {{direction}}")
            .query(rate_of_host("system_network_dropped_total", "device, direction"), "drops {{device}} {{direction}}")
            .limit(1.0),
        Panel::new(View::Stacked, "TCP connections", Unit::Count, NO_HOST)
            .about("By state. Many in CLOSE_WAIT: somebody does not close them. Many in TIME_WAIT: they are not reused.")
            .query(of_host("system_network_connections", "state"), "{{state}}"),
    ]
}
