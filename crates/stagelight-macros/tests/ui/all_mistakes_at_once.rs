use stagelight_macros::stage;

#[stage("auth validation", nam = "a", group = "backend", level = 3)]
const fn authenticate() {}

fn main() {
    // No further error: the function is still there.
    authenticate();
}
