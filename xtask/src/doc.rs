//! `cargo xtask doc`: the manual as HTML, and the reference of the crates. The manual's chapter
//! on the interface is written anew first.
//!
//! mdBook renders the manual where it is installed. Else a plain rendering stands in, so that
//! the manual can always be read in a browser: one page per chapter, contents on top.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use pulldown_cmark::{Options, Parser, html};

use crate::process::{build, find_program, host_cargo_command};
use crate::progress::Step;
use crate::reference;
use crate::repository::Repository;

/// `cargo xtask doc`.
pub fn run(repository: &Repository) -> Result<ExitCode> {
    for file in reference::update(repository)? {
        println!("rewritten: {file}");
    }
    let output = repository.products().join("manual");
    match find_program("mdbook") {
        Some(mdbook) => {
            let mut command = Command::new(mdbook);
            command.arg("build").arg("--dest-dir").arg(&output).arg(repository.path("manual"));
            let step = Step::start("rendering the manual");
            build("the manual", &mut command, &step)?;
            step.done();
        }
        None => render(&repository.path("manual/src"), &output)?,
    }
    println!("manual:    {}", output.join("index.html").display());

    let mut command = host_cargo_command(repository.root(), "doc");
    // Private items are shown as well: whoever reads the reference wants to understand.
    command
        .args(["--no-deps", "--document-private-items"])
        .env("RUSTDOCFLAGS", "--allow=rustdoc::private_intra_doc_links");
    let step = Step::start("writing the reference");
    build("the reference", &mut command, &step)?;
    step.done();
    println!("reference: {}", repository.products().with_file_name("doc").display());
    Ok(ExitCode::SUCCESS)
}

/// A chapter of the manual: its title and its file, relative to the sources.
#[derive(Debug, PartialEq, Eq)]
struct Chapter {
    title: String,
    file: String,
}

/// Renders every chapter that SUMMARY.md names.
fn render(source: &Path, output: &Path) -> Result<()> {
    let summary = source.join("SUMMARY.md");
    let text = fs::read_to_string(&summary)
        .with_context(|| format!("cannot read {}", summary.display()))?;
    let chapters = parse_summary(&text);
    if chapters.is_empty() {
        bail!("{} names no chapter", summary.display());
    }
    for (index, chapter) in chapters.iter().enumerate() {
        let path = source.join(&chapter.file);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("cannot read the chapter {}", path.display()))?;
        let page = page(&chapter.title, &contents(&chapters, chapter), &text);
        write(&output.join(target(&chapter.file)), &page)?;
        if index == 0 {
            write(&output.join("index.html"), &page)?;
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The links in mdBook's list of chapters.
fn parse_summary(text: &str) -> Vec<Chapter> {
    text.lines()
        .filter_map(|line| {
            let (title, rest) = line.split_once('[')?.1.split_once("](")?;
            let file = rest.split_once(')')?.0;
            let chapter = Chapter { title: title.into(), file: file.into() };
            file.ends_with(".md").then_some(chapter)
        })
        .collect()
}

fn target(file: &str) -> String {
    file.strip_suffix(".md").unwrap_or(file).to_owned() + ".html"
}

fn contents(chapters: &[Chapter], current: &Chapter) -> String {
    let links: Vec<String> = chapters
        .iter()
        .map(|chapter| {
            if chapter == current {
                format!("<b>{}</b>", chapter.title)
            } else {
                format!("<a href=\"{}\">{}</a>", target(&chapter.file), chapter.title)
            }
        })
        .collect();
    links.join(" · ")
}

fn page(title: &str, contents: &str, markdown: &str) -> String {
    let mut body = String::new();
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES;
    html::push_html(&mut body, Parser::new_ext(markdown, options));
    let body = body.replace(".md\">", ".html\">");
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title} · A9N</title>\n\
         <style>body{{max-width:46rem;margin:2rem auto;padding:0 1rem;font:17px/1.55 sans-serif}}\
         pre{{background:#f4f4f4;padding:.8rem;overflow:auto}}table{{border-collapse:collapse}}\
         td,th{{border:1px solid #ccc;padding:.3rem .6rem}}nav{{font-size:.9rem}}</style>\n\
         <nav>{contents}</nav>\n{body}</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chapters_come_from_the_summary() {
        let chapters = parse_summary(
            "# Summary\n\n- [Start](start.md)\n  - [More](a/more.md)\n[x](http://x)\n",
        );
        assert_eq!(chapters.len(), 2);
        assert_eq!(chapters[1], Chapter { title: "More".into(), file: "a/more.md".into() });
    }

    #[test]
    fn links_between_chapters_lead_to_pages() {
        let page = page("T", "", "# Head\n\n[next](next.md)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n");
        assert!(page.contains("<a href=\"next.html\">") && page.contains("<table>"));
    }
}
