//! Real questions to the lab's name servers.

use std::{
    net::{Ipv4Addr, UdpSocket},
    time::Duration,
};

use hickory_proto::{
    op::{Message, Query},
    rr::{Name, RData, RecordType},
};

/// The addresses that `server`, as in `127.0.53.1:PORT`, gives for `name`.
pub(crate) fn addresses(server: &str, name: &str) -> Vec<Ipv4Addr> {
    let mut question = Message::query();
    question.add_query(Query::query(Name::from_ascii(format!("{name}.")).unwrap(), RecordType::A));
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.connect(server).unwrap();
    socket.send(&question.to_vec().unwrap()).unwrap();
    let mut buffer = [0; 1232];
    let length = socket.recv(&mut buffer).unwrap();
    let answer = Message::from_vec(&buffer[..length]).unwrap();
    assert_eq!(answer.metadata.id, question.metadata.id);
    let address = |data: &RData| match data {
        RData::A(a) => Some(a.0),
        _ => None,
    };
    answer.answers.iter().filter_map(|record| address(&record.data)).collect()
}
