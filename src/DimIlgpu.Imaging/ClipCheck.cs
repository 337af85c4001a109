using System.Runtime.CompilerServices;
using DimIlgpu.Model.Data;

namespace DimIlgpu.Imaging;

/// <summary>Refuses clips that cannot stand or play side by side.</summary>
internal static class ClipCheck
{
    /// <summary>Returns the number of frames that every clip has.</summary>
    public static int RequireOneLength(
        IReadOnlyList<IReadOnlyList<RawImage>> clips,
        [CallerArgumentExpression(nameof(clips))] string? name = null)
    {
        ArgumentNullException.ThrowIfNull(clips, name);
        if (clips.Count == 0 || clips[0].Count == 0)
        {
            throw new ArgumentException("There are no frames; expected at least one sample of at least one frame.", name);
        }

        foreach (IReadOnlyList<RawImage> clip in clips)
        {
            if (clip.Count != clips[0].Count)
            {
                throw new ArgumentException(
                    $"One sample has {clip.Count} frames where the first has {clips[0].Count}; expected one length.", name);
            }
        }

        return clips[0].Count;
    }
}
