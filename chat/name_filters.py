"""The template filters of names, which every template has without loading: `marked`, for an element of its
own with `dir="auto"`, and `isolated`, for the middle of a text or an attribute.

Names are stored without hidden characters now; older ones may have them.
"""

from django import template
from django.template.defaultfilters import stringfilter

from agent.support import words

register = template.Library()
register.filter("marked", stringfilter(words.marked))
register.filter("isolated", stringfilter(words.isolated))
