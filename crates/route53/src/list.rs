//! A zone's sets in the order and in the pages of Route 53's lists.

use crate::{InvalidInput, Name, RecordSet, RecordType, SetId, Zone};

/// Where a page begins: with the first set that does not come before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    name: Option<Name>,
    kind: Option<RecordType>,
    id: Option<SetId>,
}

impl Start {
    /// As a client says it.
    ///
    /// # Errors
    /// What is no name or type, a type without a name, an identifier without both.
    pub fn parse(name: Option<&str>, kind: Option<&str>, id: Option<&str>) -> Result<Self, InvalidInput> {
        if kind.is_some() && name.is_none() || id.is_some() && kind.is_none() {
            return Err(InvalidInput::parameter(
                "a list begins at a name, at a name and type, or at these and an identifier",
            ));
        }
        let name = name.map(str::parse::<Name>).transpose()?;
        let parse = |kind: &str| kind.parse::<RecordType>().map_err(|error| InvalidInput::parameter(error.to_string()));
        Ok(Start { name, kind: kind.map(parse).transpose()?, id: id.map(Into::into) })
    }

    fn order(&self) -> (String, String, String) {
        let text = |part: Option<String>| part.unwrap_or_default();
        (
            text(self.name.as_ref().map(order)),
            text(self.kind.map(|kind| kind.to_string())),
            text(self.id.as_ref().map(ToString::to_string)),
        )
    }
}

impl Zone {
    /// At most `most` sets from `start` on, and the one that the next page begins with.
    #[must_use]
    pub fn page(&self, start: &Start, most: usize) -> (Vec<&RecordSet>, Option<&RecordSet>) {
        let key = |set: &RecordSet| {
            let id = set.set_id().map(ToString::to_string).unwrap_or_default();
            (order(&set.name), set.kind.to_string(), id)
        };
        let first = start.order();
        let mut sets: Vec<_> = self.sets().map(|set| (key(set), set)).filter(|(key, _)| *key >= first).collect();
        sets.sort_by(|one, other| one.0.cmp(&other.0));
        let mut sets = sets.into_iter().map(|(_, set)| set);
        let page = sets.by_ref().take(most).collect();
        (page, sets.next())
    }
}

/// The labels from the right with a dot after each, in ASCII order: `a-b` comes before `a`, since `-` comes before the dot.
fn order(name: &Name) -> String {
    name.list_order().into_iter().flat_map(|label| [label, "."]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{a, name, zone};

    fn owners(zone: &Zone, start: &Start, most: usize) -> (Vec<String>, Option<String>) {
        let (page, next) = zone.page(start, most);
        let owner = |set: &RecordSet| set.name.to_api();
        (page.into_iter().map(owner).collect(), next.map(owner))
    }

    #[test]
    fn names_are_listed_by_labels_from_the_right() {
        let zone = zone(
            ["b.example.com", "a.b.example.com", "*.example.com", "a.example.com", "a-b.example.com"]
                .map(|owner| a(owner, "")),
        );
        let all = ["\\052.example.com.", "a-b.example.com.", "a.example.com.", "b.example.com.", "a.b.example.com."];
        let (found, next) = owners(&zone, &Start::default(), 300);
        assert_eq!((found, next), (all.map(str::to_owned).to_vec(), None));
    }

    #[test]
    fn every_set_is_on_one_page_whatever_its_length() {
        let sets = (0..7).flat_map(|n| {
            let owner = format!("n{}.example.com", n / 3);
            [a(&owner, "").weighted(&n.to_string(), 1), RecordSet { kind: RecordType::Txt, ..a(&owner, "") }]
        });
        let zone = zone(sets);
        let whole: Vec<_> = zone.page(&Start::default(), 300).0;
        assert_eq!(whole.len(), 10);
        for most in 1..11 {
            let mut seen = Vec::new();
            let mut start = Start::default();
            loop {
                let (page, next) = zone.page(&start, most);
                assert!(page.len() <= most);
                seen.extend(page);
                let Some(next) = next else { break };
                let kind = next.kind.to_string();
                start = Start::parse(Some(&next.name.to_api()), Some(&kind), next.set_id().map(SetId::as_str)).unwrap();
            }
            assert_eq!(seen, whole, "{most} a page");
        }
    }

    #[test]
    fn a_page_begins_with_what_does_not_come_before_its_start() {
        let zone = zone([a("a.example.com", ""), a("c.example.com", "")]);
        let start = Start { name: Some(name("b.example.com")), ..Start::default() };
        assert_eq!(owners(&zone, &start, 9).0, ["c.example.com."]);
        assert!(Start::parse(None, Some("A"), None).is_err(), "a type without a name");
        assert!(Start::parse(Some("a.example.com"), None, Some("id")).is_err());
        assert!(Start::parse(Some("a..example.com"), None, None).is_err());
        assert!(Start::parse(Some("a.example.com"), Some("ANAME"), None).is_err());
    }
}
