//! The switch between guests: `network`.

use core::fmt::{self, Write};

use koito::services::{SwitchClient, SwitchPort};
use koito_ethernet::Address;

use crate::commands::Shell;
use crate::terminal::Terminal;

/// Shows the ports of the switch.
pub fn list(shell: &Shell<'_>, _: &[&str], to: &mut Terminal) -> fmt::Result {
    let Ok(port) = shell.environment.service("switch") else {
        return writeln!(to, "this system has no switch (`cargo xtask run --guest`)");
    };
    let switch = SwitchClient::new(port);
    writeln!(to, "whose     address             received      sent  refused  dropped")?;
    for index in 0.. {
        match switch.port(index) {
            Ok(Some(it)) => {
                let SwitchPort { client, received, sent, refused, dropped, .. } = &it;
                let address = Address::from_number(it.address);
                writeln!(
                    to,
                    "{client:<9} {address} {received:>10} {sent:>9} {refused:>8} {dropped:>8}"
                )?;
            }
            Ok(None) => break,
            Err(error) => return writeln!(to, "{error}"),
        }
    }
    Ok(())
}
