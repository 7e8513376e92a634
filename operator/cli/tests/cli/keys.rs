use std::os::unix::fs::PermissionsExt;

use crate::program::Program;

#[tokio::test]
async fn keys_are_made_once_and_for_their_owner_alone() {
    let program = Program::new();
    let password = program.file("password", "correct horse\n");
    let password = password.to_str().expect("text");
    let made = program
        .json(&["keys", "new", "account.json", "--password-file", password])
        .await;
    let address = made["address"].as_str().expect("an address");
    assert_eq!((address.len(), &address[..2]), (42, "0x"));
    let mode = std::fs::metadata(program.home().join("account.json"))
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let made = program
        .succeeds(&["keys", "new-bls", "bls.json", "--password-file", password])
        .await;
    assert_eq!(made.trim_end().len(), 2 + 2 * 192);

    program
        .refuses(
            &["keys", "new", "account.json", "--password-file", password],
            "keystore_write",
            &format!(
                "write the keystore {}: File exists (os error 17)",
                program.home().join("account.json").display()
            ),
            "an existing keystore is never replaced; choose another path",
        )
        .await;
}

#[tokio::test]
async fn a_password_comes_from_a_file_of_ones_own() {
    let program = Program::new();
    program
        .refuses(
            &["keys", "new", "account.json"],
            "no_password",
            "no password was named",
            "write one to a file that only you can read and name it with --password-file",
        )
        .await;
    let password = program.file("password", "secret\n");
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o644)).expect("opened");
    program
        .refuses(
            &[
                "keys",
                "new",
                "account.json",
                "--password-file",
                password.to_str().expect("text"),
            ],
            "keystore_permissions",
            &format!(
                "{} is open to others (mode 644); run `chmod 600` on it",
                password.display()
            ),
            "",
        )
        .await;
}
