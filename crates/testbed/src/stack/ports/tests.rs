use std::collections::BTreeSet;
use std::net::TcpListener;

use super::Ports;

#[test]
fn stacks_at_the_same_time_get_different_ports() {
    let mut stacks: Vec<_> = (0..4).map(|_| Ports::reserve().unwrap()).collect();
    let ports: Vec<_> =
        stacks.iter_mut().flat_map(|it| (0..10).map(|_| it.take().unwrap())).collect();

    assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 40);
}

#[test]
fn a_port_that_is_in_use_is_skipped() {
    let mut ports = Ports::reserve().unwrap();
    let first = ports.take().unwrap();
    let _other_program = TcpListener::bind((first.ip(), first.port() + 1)).unwrap();

    assert_eq!(ports.take().unwrap().port(), first.port() + 2);
}

#[test]
fn ports_are_not_those_of_outgoing_connections() {
    let port = Ports::reserve().unwrap().take().unwrap().port();

    assert!((Ports::FIRST..Ports::END).contains(&port), "{port}");
}
