"""How well the laws that predictions stand on meet published measurements."""

from __future__ import annotations

import streamlit as st

from costmodel import profile
from costmodel.app import charts, parts
from costmodel.report import evidence, machine

st.title("Evidence")
address = parts.arrived()
names = evidence.profiles()
name = st.selectbox("Profile", names, names.index("h100-sxm"), key="profile", bind="query-params")
parts.refused(address)
made = profile.load(name)
st.success(f"**{parts.plain(machine.sentence(made))}**")
st.subheader("Errors by law")
charts.errors(made["fit"])
st.caption(
    "An error is |predicted / measured − 1| over the records that a law was fitted to; of the profile `prior`, over "
    "devices that were left out. `docs/kernels.md` has the errors on records held out of every fit, "
    "`docs/validation.md` those of whole training and inference runs that were published."
)
rows = [dict(zip(machine.FIT, row, strict=True)) for row in machine.fit(made)]
st.dataframe(rows, hide_index=True, height="content", alt=f"{len(rows)} laws with records, errors and warnings.")
st.code(f"costmodel catalog profiles {name}", language="bash", wrap_lines=True)
st.subheader("All profiles")
st.caption("Median error / bound of nine tenths of the errors.")
table = evidence.overview()
st.dataframe(table, hide_index=True, height="content", alt=f"Errors of {len(table)} laws in {len(names)} profiles.")
st.subheader("Where the records come from")
sources = [{"law": law, "source": source, "records": count} for law, source, count in evidence.sources(made)]
if sources:
    st.dataframe(sources, hide_index=True, alt=f"{len(sources)} sources of records.")
else:
    st.markdown(parts.plain(f"Measured on the machine itself: {machine.made_when(made)}."))
